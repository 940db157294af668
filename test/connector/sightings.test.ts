import { describe, expect, it } from 'vitest'
import type { Sighting } from '../../src/domain/event.ts'
import { StaleLeaseError } from '../../src/domain/lease.ts'
import {
  createPresenceFilter,
  presenceChangesMax,
  presenceRepeatMs,
} from '../../src/connector/presence-filter.ts'
import {
  createSightings,
  sightingsBatchMax,
  sightingsHeldMax,
  sightingsWaitingMax,
} from '../../src/connector/sightings.ts'
import { deviceId, nobody } from '../store/conformance/fixtures.ts'
import { keepLog, refusal, refuse, runDevice, settled, TestClock, until } from './world.ts'

type State = Extract<Sighting, { type: 'presence.updated' }>['data']['state']

const presence = (state: State, person = 1, chat = `${person}1234@lid`): Sighting => {
  const jid = `${person}1234@lid`
  return {
    type: 'presence.updated',
    data: { chat, chatLid: chat, from: { jid, lid: jid, phone: null }, state, lastSeenAt: null },
  }
}
const label = (at: number): Sighting => ({
  type: 'label.updated',
  data: { labelId: String(at), name: 'Paid', color: 0, deleted: false },
})
const labels = (count: number, from = 0): Sighting[] =>
  Array.from({ length: count }, (_, at) => label(from + at))
const typists = (count: number, from = 1): Sighting[] =>
  Array.from({ length: count }, (_, at) => presence('composing', from + at))

/** A store that answers when the test says so. */
const slowStore = () => {
  const { log, lines } = keepLog()
  const writes: { readonly batch: readonly Sighting[]; readonly end: (error?: Error) => void }[] = []
  const sightings = createSightings({
    events: {
      note: (_lease, _deviceId, batch) =>
        new Promise((resolve, reject) => {
          writes.push({ batch, end: (error) => (error === undefined ? resolve() : reject(error)) })
        }),
    },
    deviceId,
    lease: nobody,
    clock: new TestClock(),
    underLease: (write) => write.then(() => undefined),
    log,
  })
  /** Ends the write that waits, and those that come of it. */
  const endAll = async (): Promise<void> => {
    for (let at = 0; at < writes.length; at++) {
      writes[at]?.end()
      await settled()
    }
  }
  const noted = (): readonly Sighting[] => writes.flatMap(({ batch }) => batch)
  return { ...sightings, writes, noted, endAll, lines }
}

describe('what a socket has seen', () => {
  const noted = ['label.updated', 'presence.updated'] as const

  it('is noted under the lease of the device, in its order', async () => {
    const { online, store } = await runDevice()
    const socket = await online()
    socket.on.onSightings([label(1), presence('composing')])
    socket.on.onSightings([label(2)])
    const events = () => store.events.after(0, { limit: 9, types: noted })
    await until(async () => (await events()).length === 3)
    expect((await events()).map(({ type, data, deviceId: of }) => [{ type, data }, of])).toEqual([
      [label(1), deviceId],
      [presence('composing'), deviceId],
      [label(2), deviceId],
    ])
  })

  it('and cannot be noted is logged, and ends nothing', async () => {
    const { online, store, lines, status, runner } = await runDevice()
    const socket = await online()
    refuse(store.events, 'note', refusal())
    socket.on.onSightings([label(1)])
    await until(() => lines.includes('error what was seen was not noted'))
    socket.on.onSightings([label(2)])
    const events = () => store.events.after(0, { limit: 9, types: noted })
    await until(async () => (await events()).length > 0)
    expect((await events()).map(({ data }) => data)).toEqual([label(2).data])
    expect(await status()).toBe('connected/opened')
    expect(socket.live).toBe(true)
    expect(runner.over).toBe(false)
  })

  it('under a lease that is another’s is how the runner hears that it is lost', async () => {
    const { online, store, runner } = await runDevice()
    const socket = await online()
    refuse(store.events, 'note', new StaleLeaseError(nobody))
    socket.on.onSightings([label(1)])
    await until(() => runner.over)
    expect(socket.live).toBe(false)
    socket.on.onSightings([label(2)])
    await settled()
    expect(await store.events.after(0, { limit: 9, types: noted })).toEqual([])
  })

  it('last is noted before the runner has ended', async () => {
    const { online, store, runner } = await runDevice()
    const socket = await online()
    socket.on.onSightings([label(1)])
    await runner.shutdown()
    expect(await store.events.after(0, { limit: 9, types: noted })).toHaveLength(1)
  })
})

describe('sightings that wait', () => {
  it('share a write: those of one turn the first, those that come meanwhile the next', async () => {
    const { note, writes, endAll } = slowStore()
    note([label(1)])
    note([label(2)])
    await settled()
    note([label(3)])
    note([label(4)])
    await endAll()
    expect(writes.map(({ batch }) => batch)).toEqual([
      [label(1), label(2)],
      [label(3), label(4)],
    ])
  })

  it('are written so many at a time', async () => {
    const { note, writes, endAll } = slowStore()
    note(labels(sightingsBatchMax + 1))
    await settled()
    await endAll()
    expect(writes.map(({ batch }) => batch.length)).toEqual([sightingsBatchMax, 1])
  })

  it('are all kept while only so many wait', async () => {
    const { note, noted, endAll, lines } = slowStore()
    note([...typists(1), ...labels(sightingsWaitingMax - 1)])
    await settled()
    await endAll()
    expect(noted()).toHaveLength(sightingsWaitingMax)
    expect(lines).toEqual([])
  })

  it('beyond that lose the oldest of who types, and the log says how many', async () => {
    const { note, noted, endAll, lines } = slowStore()
    note([...typists(3), ...labels(sightingsWaitingMax - 1)])
    await settled()
    await endAll()
    expect(noted()).toEqual([presence('composing', 3), ...labels(sightingsWaitingMax - 1)])
    expect(lines).toEqual(['warn too much was seen at once, the oldest was not noted'])
  })

  it('and are no presences stay until they are very many; then the oldest goes', async () => {
    const { note, noted, endAll } = slowStore()
    note(labels(sightingsHeldMax))
    await settled()
    note(labels(sightingsBatchMax + 1, sightingsHeldMax))
    await endAll()
    expect(noted()).toEqual([
      ...labels(sightingsBatchMax),
      ...labels(sightingsHeldMax, sightingsBatchMax + 1),
    ])
  })

  it('when the store fails are lost with their write alone', async () => {
    const { note, writes, noted, endAll, lines } = slowStore()
    note([label(1)])
    await settled()
    note([label(2)])
    writes[0]?.end(refusal())
    await settled()
    await endAll()
    expect(noted()).toEqual([label(1), label(2)])
    expect(lines).toEqual(['error what was seen was not noted'])
  })

  it('are written before the end, and none is taken after it', async () => {
    const { note, noted, stop, endAll } = slowStore()
    note([label(1)])
    const stopped = stop()
    await settled()
    await endAll()
    await stopped
    note([label(2)])
    await settled()
    expect(noted()).toEqual([label(1)])
  })
})

describe('who is there and who types', () => {
  const filter = () => {
    const clock = new TestClock()
    const { isNews } = createPresenceFilter(() => clock.monotonic())
    return { clock, isNews }
  }

  it('is told once while it is only repeated, and again after a while', () => {
    const { clock, isNews } = filter()
    expect(isNews(presence('composing'))).toBe(true)
    clock.pass(presenceRepeatMs - 1)
    expect(isNews(presence('composing'))).toBe(false)
    clock.pass(1)
    expect(isNews(presence('composing'))).toBe(true)
    expect(isNews(presence('composing'))).toBe(false)
  })

  it('is told as soon as it changes', () => {
    const { isNews } = filter()
    const states = ['composing', 'recording', 'paused', 'composing', 'composing', 'unavailable'] as const
    expect(states.map((state) => isNews(presence(state)))).toEqual([true, true, true, true, false, true])
  })

  it('is told so often in that time and no more, however it changes', () => {
    const { clock, isNews } = filter()
    const flap = (count: number): number =>
      Array.from({ length: count }, (_, at) =>
        isNews(presence(at % 2 === 0 ? 'composing' : 'paused')),
      ).filter(Boolean).length
    expect(flap(50)).toBe(presenceChangesMax)
    clock.pass(presenceRepeatMs)
    expect(flap(50)).toBe(presenceChangesMax)
  })

  it('is told apart by person and by chat', () => {
    const { isNews } = filter()
    const group = '120363000000000001@g.us'
    const all = [presence('composing'), presence('composing', 2), presence('composing', 1, group)]
    expect(all.map(isNews)).toEqual([true, true, true])
    expect(all.map(isNews)).toEqual([false, false, false])
  })

  it('takes nothing from what is no presence', () => {
    const { isNews } = filter()
    expect([label(1), label(1)].map(isNews)).toEqual([true, true])
  })
})
