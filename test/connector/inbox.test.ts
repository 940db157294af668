import { describe, expect, it, onTestFinished } from 'vitest'
import { startInbox } from '../../src/connector/inbox.ts'
import type { MessageBody } from '../../src/domain/body.ts'
import { start } from '../../src/domain/device.ts'
import type { Store } from '../../src/store/store.ts'
import { actOf } from '../store/conformance/acts.ts'
import { alice, deviceId, incoming, origin, t0 } from '../store/conformance/fixtures.ts'
import { scriptWhatsApp } from './scripted-whatsapp.ts'
import { claimLease, keepLog, openMemory, refusal, refuse, settled, TestClock, until, wrap } from './world.ts'
import { everything, info, remoteOf } from './media.ts'

const hourMs = 60 * 60 * 1000
const dayMs = 24 * hourMs

const createWorld = async (autoFetch = everything) => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const { log, lines } = keepLog()
  const { whatsapp, state } = scriptWhatsApp()
  const lost: string[] = []
  const files: string[] = []
  const journal = async (...ids: string[]): Promise<void> => {
    for (const id of ids) {
      const row = {
        hash: Buffer.from(id),
        plaintext: Buffer.from(id),
        stanzaKey: id,
        stanza: id,
        part: 0,
        parts: 1,
      }
      await store.auth.commit(lease, deviceId, {}, row, clock.now())
    }
  }
  const run = () => {
    const { inbound, acts } = store
    const inbox = startInbox({
      inbound,
      acts,
      whatsapp,
      deviceId,
      lease,
      autoFetch,
      onFile: () => files.push('file'),
      clock,
      origin: () => origin,
      onLost: () => lost.push('lost'),
      log,
    })
    onTestFinished(() => inbox.stop())
    return inbox
  }
  const stored = async (): Promise<number> =>
    (await store.messages.list({ deviceId }, { limit: 200 })).items.length
  return { store, clock, lines, lost, files, state, journal, run, stored }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, at) => `i${at}`)
const ticksOf = (store: Store): (() => number) => {
  let ticks = 0
  wrap(store.inbound, 'pending', (real) => (...given) => {
    ticks += 1
    return real(...given)
  })
  return () => ticks
}

describe('the inbox', () => {
  it('stores at its start what was left in the journal', async () => {
    const { journal, run, stored } = await createWorld()
    await journal('i1', 'i2')
    run()
    await until(async () => (await stored()) === 2)
  })

  it('stores what comes when it is poked', async () => {
    const { journal, run, stored } = await createWorld()
    const inbox = run()
    await settled()
    await journal('i1')
    inbox.poke()
    await until(async () => (await stored()) === 1)
  })

  it('has files fetched as they come, and leaves those that nobody wants at once until they are asked for', async () => {
    const { store, journal, run, state, files } = await createWorld({
      kinds: new Set(['image']),
      bytesMax: 10,
    })
    const sizes: Readonly<Record<string, number>> = { small: 10, large: 11 }
    state.promote = (id) => {
      const promotion = incoming(id, {
        whatsappId: id,
        type: 'image',
        body: { type: 'image' } as MessageBody,
      })
      if (promotion.kind !== 'message') throw new Error('no message')
      return { ...promotion, file: { ...remoteOf(Buffer.alloc(sizes[id] ?? 0)), ...info } }
    }
    await journal('small', 'large')
    run()
    const dueOf = async (id: string): Promise<number | null | undefined> => {
      const body = (await store.messages.get(id))?.body
      const uploadId = body !== null && body !== undefined && 'media' in body ? body.media.uploadId : ''
      return (await store.media.get(uploadId))?.dueAt
    }
    await until(async () => (await dueOf('small')) !== undefined && (await dueOf('large')) !== undefined)
    expect(await dueOf('small')).toBeTypeOf('number')
    expect(await dueOf('large')).toBeNull()
    expect(files).toEqual(['file'])
  })

  it('reads a vote once its poll is there too, also after a crash', async () => {
    const { store, state, journal, run } = await createWorld()
    const body = { type: 'poll', question: 'q', options: ['x'], selectable: 1 } as const
    state.promote = (id) =>
      id === 'poll'
        ? incoming(id, { whatsappId: 'WA1', type: 'poll', text: 'q', body })
        : actOf(id, { type: 'vote' })
    const asked: unknown[] = []
    state.readVote = (vote) => {
      asked.push(vote)
      return ['x']
    }
    await journal('vote')
    const first = run()
    await until(async () => (await store.messages.get('vote')) !== undefined)
    await first.stop()
    await journal('poll')
    run()
    await until(async () => (await store.acts.votes('poll')).length === 1)
    expect(asked).toMatchObject([{ voter: alice, poll: { whatsappId: 'WA1', creator: alice } }])
    expect(await store.messages.get('vote')).toMatchObject({ text: 'x', targetId: 'poll' })
  })

  it('one that cannot be stored does not hold up the others, and is tried again', async () => {
    const { journal, run, stored, state, lines } = await createWorld()
    const { promote } = state
    state.promote = (stanza) => {
      if (stanza === 'i0') throw new Error('bad content')
      return promote(stanza)
    }
    await journal(...ids(5))
    const inbox = run()
    await until(async () => (await stored()) === 4)
    expect(lines.filter((line) => line === 'error message was not stored').length).toBe(1)
    state.promote = promote
    inbox.poke()
    await until(async () => (await stored()) === 5)
  })

  it('full batches follow each other without a wait', async () => {
    const { journal, run, stored } = await createWorld()
    await journal(...ids(120))
    run()
    await until(async () => (await stored()) === 120)
  })

  it('a full batch of which nothing can be stored waits for the poll', async () => {
    const { journal, run, store } = await createWorld()
    const ticks = ticksOf(store)
    await journal(...ids(60))
    const promote = refuse(store.inbound, 'promote', refusal('full'), Number.POSITIVE_INFINITY)
    run()
    await until(() => promote.refused === 50)
    await settled()
    await settled()
    expect(ticks()).toBe(1)
  })

  it('drops from the journal what is a month old, once an hour', async () => {
    const { journal, run, store, clock, stored } = await createWorld()
    const cuts: number[] = []
    wrap(store.inbound, 'prune', (real) => (...given) => {
      cuts.push(Number(given[1]))
      return real(...given)
    })
    await journal('i1')
    const inbox = run()
    await until(() => cuts.length === 1)
    expect(await stored()).toBe(1)
    expect(cuts).toEqual([t0 - 30 * dayMs])
    inbox.poke()
    await settled()
    expect(cuts.length).toBe(1)
    clock.pass(31 * dayMs)
    inbox.poke()
    await until(() => cuts.length === 2)
    await settled()
    expect(await store.auth.journaled(deviceId, Buffer.from('i1'))).toBeUndefined()
  })

  it('a look at the journal that fails is tried again', async () => {
    const { journal, run, store, lines, stored } = await createWorld()
    await journal('i1')
    refuse(store.inbound, 'pending', refusal('busy'))
    const inbox = run()
    await until(() => lines.includes('error inbox tick failed'))
    inbox.poke()
    await until(async () => (await stored()) === 1)
  })
})
