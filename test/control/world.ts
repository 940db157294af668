/** A gateway on a store in memory, and a connector played by the test through the store's own verbs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { rawContent } from '../../src/whatsapp/content/raw.ts'
import { createMediaIn } from '../../src/commands/media-in.ts'
import { openBlobs } from '../../src/commands/open-blobs.ts'
import { readConfig } from '../../src/config.ts'
import type { ControlContext, MediaIn, Waits } from '../../src/control/context.ts'
import { expectPromisedEvents } from '../http/promised-events.ts'
import { memoryBlobs, newSpool } from '../media/memory-blobs.ts'
import { createEventFeed } from '../../src/control/event-feed.ts'
import { createLogFollower, type LogFollower } from '../../src/control/log-follower.ts'
import { createWatcher } from '../../src/control/watch.ts'
import { newWhatsappId } from '../../src/control/whatsapp-id.ts'
import type { Origin } from '../../src/domain/audit.ts'
import { observe, type Device, type Observation } from '../../src/domain/device.ts'
import { connectorSeat, deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import type { Party } from '../../src/domain/jid.ts'
import type { Message } from '../../src/domain/message.ts'
import type { AfterOperation } from '../../src/domain/operation.ts'
import type { MemberStep } from '../../src/domain/receipts.ts'
import type { AfterAttempt } from '../../src/domain/outbox.ts'
import type { Promotion, Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/sqlite/open.ts'

const startOfTime = Date.parse('2025-11-16T02:18:05.123Z')
const leaseTtlMs = 60_000
/** Longer than any test may take: a wait that ends is then one that was woken. */
const patientMs = 30_000

export const patient: Waits = {
  sendWaitMs: patientMs,
  removeWaitMs: patientMs,
  pairingCodeWaitMs: patientMs,
  webhookTestWaitMs: patientMs,
}
export const impatient: Waits = {
  sendWaitMs: 0,
  removeWaitMs: 0,
  pairingCodeWaitMs: 0,
  webhookTestWaitMs: 0,
}

/** `{conversation: text}` of WAProto's Message: field 1, length-delimited. */
export const encodeText = (text: string): Uint8Array => {
  const bytes = new TextEncoder().encode(text)
  const length: number[] = []
  for (let left = bytes.length; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      length.push(left)
      break
    }
    length.push((left % 128) + 128)
  }
  return Uint8Array.from([0x0a, ...length, ...bytes])
}

/** The wall clock stands still but for what a test adds; the monotonic one runs, and can be put forward. */
class TestClock {
  wallMs = startOfTime
  aheadMs = 0
  now = (): number => this.wallMs
  monotonic = (): number => performance.now() + this.aheadMs
}

const qrOf = (text: string, expiresAt: number): NonNullable<Device['qr']> => ({
  text,
  dataUrl: `data:image/png;base64,${Buffer.from(text).toString('base64')}`,
  expiresAt,
})

const connectorOrigin: Origin = { actor: { kind: 'connector', id: 'c1' }, requestId: 'tick-1' }
export const apiOrigin: Origin = { actor: { kind: 'api' }, requestId: 'req-1' }

export const account = {
  pn: '4915123456789@s.whatsapp.net',
  lid: '246813579012345@lid',
  pushName: 'Ada',
} as const

/** The connector's part, beat by beat. */
const playConnector = (store: Store, clock: TestClock) => {
  const leases = new Map<string, Lease>()
  const lease = async (name: string): Promise<Lease> => {
    const held = leases.get(name) ?? (await store.leases.claim(name, 'c1', leaseTtlMs, clock.monotonic()))
    if (held === undefined) throw new Error(`somebody else holds ${name}`)
    leases.set(name, held)
    return held
  }
  const ofDevice = (id: string): Promise<Lease> => lease(deviceLeaseName(id))
  const see = async (id: string, patch: Observation): Promise<Device> =>
    await store.devices.observe(await ofDevice(id), id, (before) =>
      observe(before, before.generation, patch, connectorOrigin, clock.now()),
    )
  const settle = async (id: string, after: AfterAttempt): Promise<string[]> => {
    const claimed = await store.outbox.claim(
      await ofDevice(id),
      { deviceId: id, limit: 1000 },
      connectorOrigin,
      clock.now(),
    )
    for (const { message } of claimed) {
      await store.outbox.record(await ofDevice(id), message.id, after, connectorOrigin, clock.now())
    }
    return claimed.map(({ message }) => message.id)
  }
  return {
    takeSeat: () => lease(connectorSeat),
    see,
    ofDevice,
    showQr: (id: string, text = `2@${id}`) =>
      see(id, { status: 'waiting_for_scan', reason: 'qr_shown', qr: qrOf(text, clock.now() + 20_000) }),
    link: (id: string) =>
      see(id, {
        status: 'connected',
        reason: 'opened',
        qr: null,
        account,
        pairedAt: clock.now(),
        lastConnectedAt: clock.now(),
      }),
    settle,
    ack: (id: string) => settle(id, { state: 'sent', at: clock.now() }),
    /** Does so whenever there is something to send, until the test ends. */
    keepSettling: (id: string, after: AfterAttempt): void => {
      let tail: Promise<unknown> = Promise.resolve()
      const stop = store.onChange(() => {
        tail = tail.then(() => settle(id, after)).catch(() => undefined)
      })
      onTestFinished(stop)
    },
    /** What is asked of the device ends so, whenever there is something, until the test ends. */
    keepDoing: (id: string, after: AfterOperation): void => {
      let tail: Promise<unknown> = Promise.resolve()
      const once = async (): Promise<void> => {
        const held = await ofDevice(id)
        const claimed = await store.operations.claim(
          held,
          { deviceId: id, limit: 9 },
          connectorOrigin,
          clock.now(),
        )
        for (const operation of claimed) {
          await store.operations.record(held, operation.id, after, connectorOrigin, clock.now())
        }
      }
      const stop = store.onChange(() => {
        tail = tail.then(once).catch(() => undefined)
      })
      onTestFinished(stop)
    },
    /** Carries out a removal as soon as it is asked for. */
    keepRemoving: (id: string): void => {
      let tail: Promise<unknown> = Promise.resolve()
      const once = async (): Promise<void> => {
        const device = (await store.devices.get(id))?.device
        if (device?.desired !== 'removed' || device.removedAt !== null) return
        await see(id, { removedAt: clock.now(), unlinkRequestedAt: null, account: null })
      }
      const stop = store.onChange(() => {
        tail = tail.then(once).catch(() => undefined)
      })
      onTestFinished(stop)
    },
    receive: async (id: string, text: string, from = '15550001111@s.whatsapp.net'): Promise<Message> => {
      const whatsappId = newWhatsappId()
      const stanzaKey = `${from}/${whatsappId}`
      const held = await ofDevice(id)
      const stanza = { hash: crypto.getRandomValues(new Uint8Array(32)), plaintext: encodeText(text) }
      await store.auth.commit(
        held,
        id,
        {},
        { ...stanza, stanzaKey, stanza: '{}', part: 0, parts: 1 },
        clock.now(),
      )
      const { stored } = await store.inbound.promote(
        held,
        {
          deviceId: id,
          stanzaKey,
          promotion: {
            kind: 'message',
            message: {
              id: `msg_${whatsappId}`,
              deviceId: id,
              whatsappId,
              direction: 'inbound',
              chat: { pn: from, lid: null },
              sender: { pn: from, lid: null },
              senderName: 'Bob',
              type: 'text',
              text,
              whatsappAt: Math.floor(clock.now() / 1000) * 1000,
              content: encodeText(text),
              error: null,
            },
          },
        },
        connectorOrigin,
        clock.now(),
      )
      if (stored === null) throw new Error('the message was not stored')
      return stored
    },
    promote: async (id: string, promotion: Promotion): Promise<Message | null> => {
      const input = { deviceId: id, stanzaKey: newWhatsappId(), promotion }
      return (await store.inbound.promote(await ofDevice(id), input, connectorOrigin, clock.now())).stored
    },
    settleVote: async (id: string, vote: Parameters<Store['acts']['settleVote']>[1]): Promise<void> =>
      await store.acts.settleVote(await ofDevice(id), vote, connectorOrigin, clock.now()),
    memberReceipts: async (
      id: string,
      whatsappId: string,
      step: MemberStep,
      members: readonly Party[],
      others: number | null,
    ): Promise<number> => {
      const message = await store.messages.get(whatsappId)
      const receipt = {
        deviceId: id,
        group: message?.chat.pn ?? '',
        whatsappIds: [whatsappId],
        step,
        members: members.map((member) => ({ member, at: clock.now() })),
        others,
      }
      return await store.receipts.recordOfMembers(await ofDevice(id), receipt, connectorOrigin, clock.now())
    },
    receipt: async (id: string, whatsappId: string, status: 'delivered' | 'read'): Promise<number> =>
      await store.messages.recordReceipt(
        await ofDevice(id),
        {
          deviceId: id,
          whatsappIds: [whatsappId],
          status,
          at: clock.now(),
          from: '1234567890@s.whatsapp.net',
        },
        connectorOrigin,
        clock.now(),
      ),
  }
}

type Connector = ReturnType<typeof playConnector>

export interface World {
  readonly store: Store
  readonly clock: TestClock
  readonly connector: Connector
  readonly ctx: ControlContext
  readonly follower: LogFollower
}

/** Real, in a folder that is made when a test first sends a file; URLs may lead to this machine. */
const lazyMediaIn = (): MediaIn => {
  const make = async (): Promise<MediaIn> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-world-'))
    folders.push(folder)
    const config = readConfig({
      DATA_DIR: folder,
      MEDIA_URL_ALLOW: '127.0.0.1',
      MEDIA_MAX_BYTES: '2000000',
      PATH: process.env['PATH'],
    })
    return createMediaIn(config, await openBlobs(config))
  }
  const folders: string[] = []
  onTestFinished(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })
  let made: Promise<MediaIn> | undefined
  const get = (): Promise<MediaIn> => (made ??= make())
  return {
    accept: async (...args) => (await get()).accept(...args),
    previewLink: async (...args) => (await get()).previewLink?.(...args),
  }
}

export const createWorld = async (waits: Waits = impatient): Promise<World> => {
  const clock = new TestClock()
  const store = await openStore({ file: ':memory:', clock })
  const follower = createLogFollower({
    store,
    onError: (error) => {
      throw error
    },
  })
  const watcher = createWatcher({ follower, clock })
  const feed = createEventFeed({ store, follower, clock })
  onTestFinished(async () => {
    feed.close()
    watcher.close()
    await follower.close()
    await expectPromisedEvents(store)
    await store.close()
  })
  const ctx: ControlContext = {
    store,
    clock,
    waits,
    watcher,
    feed,
    newWhatsappId,
    encodeText,
    blobs: memoryBlobs(newSpool()),
    decodeContent: async (content) => rawContent(content),
    mediaIn: lazyMediaIn(),
    origin: apiOrigin,
  }
  return { store, clock, follower, connector: playConnector(store, clock), ctx }
}
