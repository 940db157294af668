/**
 * The port to WhatsApp of one process, over the model server and that process's own way to the store. It keeps the
 * order that the real adapter proves on the wire: the ratchet's step is stored before its frame leaves, the journal
 * before the receipt.
 */
import { createHash } from 'node:crypto'
import type { Account } from '../../../src/domain/device.ts'
import { ackTimeoutMs, type AttemptOutcome } from '../../../src/domain/outbox.ts'
import { DeadlineError, withDeadline } from '../../../src/runtime/deadline.ts'
import { createLock } from '../../../src/runtime/lock.ts'
import type { Promotion, Store } from '../../../src/store/store.ts'
import type { OpenOptions, WhatsApp, WhatsAppSocket } from '../../../src/whatsapp/socket.ts'
import type { Party } from './event-loop.ts'
import type { Frame } from './frame.ts'
import { type FromClient, type FromServer, type Link, newSession, type Push, type Server } from './server.ts'

interface Creds {
  readonly linkId: string
  readonly account: Account | null
}

export interface PortOptions {
  readonly frame: Frame
  readonly server: Server
  /** As this process reaches it. */
  readonly store: Store
  readonly process: Party
  readonly defects: PortDefects
}

/** What a test can make this port do wrong. */
export interface PortDefects {
  /** The receipt leaves before the journal is written. */
  readonly receiptFirst?: boolean
  readonly writesWithoutLease?: boolean
  readonly probeLies?: boolean
  readonly unknownAsAcked?: boolean
}

interface Stanza {
  readonly id: string
  readonly from: string
  readonly text: string
}

type Inbound = Extract<Push, { kind: 'message' }>

/** What shows that the link carries both ways. */
const answers: ReadonlySet<FromServer['kind']> = new Set(['ack', 'nack', 'pong', 'unlinked'])

const connectMaxMs = 150
const connectFailMs = 300

const promotionOf = ({ id, from, text }: Stanza, deviceId: string, failure: string | null): Promotion => ({
  kind: 'message',
  message: {
    id: failure === null ? `msg_${deviceId}_${id}` : `msg_${deviceId}_${id}_unread`,
    deviceId,
    whatsappId: id,
    direction: 'inbound',
    chat: { pn: from, lid: null },
    sender: { pn: from, lid: null },
    senderName: null,
    type: failure === null ? 'text' : 'undecryptable',
    text: failure === null ? text : null,
    whatsappAt: null,
    content: failure === null ? Buffer.from(text) : null,
    error: failure === null ? null : { code: 'undecryptable', detail: failure },
  },
})

const parse = (creds: string | undefined): Creds | undefined =>
  creds === undefined ? undefined : (JSON.parse(creds) as Creds)

export const createPort = ({ frame, server, store, process, defects }: PortOptions): WhatsApp => {
  const { loop } = frame
  const luck = frame.random.fork(`port of ${process.name}`)
  const later = (ms: number, work: () => void): void => loop.after(process, ms, work)

  const open = async ({ deviceId, lease, mayWrite, listener }: OpenOptions): Promise<WhatsAppSocket> => {
    const stored = parse(await store.auth.creds(deviceId))
    const lock = createLock()
    const acks = new Map<string, (outcome: AttemptOutcome) => void>()
    const pongs = new Map<number, () => void>()
    const gone = Promise.withResolvers<string>()
    let unlinked: (() => void) | undefined
    let over = false
    let pings = 0

    const drop = (why: string): void => {
      if (over) return
      over = true
      gone.resolve(why)
      server.hangUp(session)
    }
    const closed = (
      origin: 'session' | 'transport' | 'client',
      code: number | null,
      message: string,
    ): void => {
      if (over) return
      drop(message)
      listener.onClosed({ origin, code, message })
    }
    const storeFailed = (error: unknown): void => {
      if (over) return
      drop('the store failed')
      listener.onStoreFailed(error)
    }
    const save = (creds: Creds): boolean => {
      try {
        store.auth.saveCredsNow(lease, deviceId, JSON.stringify(creds), frame.wall())
        return true
      } catch (error) {
        storeFailed(error)
        return false
      }
    }
    const write = (word: FromClient): void => {
      if (over) return
      if (defects.writesWithoutLease !== true && !mayWrite()) {
        drop('the lease is not held')
        return listener.onLeaseLost()
      }
      server.receive(session, word)
    }

    /** The next step of a ratchet, stored when it resolves. */
    const step = (ratchet: 'out' | 'in', journal: Parameters<Store['auth']['commit']>[3]): Promise<number> =>
      lock(async () => {
        const at = (await store.auth.keys(deviceId, 'ratchet', [ratchet])).get(ratchet)
        const next = Number(at ?? 0) + 1
        if (over) throw new Error('the connection was dropped')
        await store.auth.commit(
          lease,
          deviceId,
          { ratchet: { [ratchet]: String(next) } },
          journal,
          frame.wall(),
        )
        return next
      })

    const readPart = async (push: Inbound, part: number): Promise<void> => {
      const hash = createHash('sha256').update(`${push.id} ${part}`).digest()
      if ((await store.auth.journaled(deviceId, hash)) !== undefined) return
      const stanza: Stanza = { id: push.id, from: push.from, text: push.text }
      await step('in', {
        hash,
        plaintext: Buffer.from(`${push.text} ${part}`),
        stanzaKey: `${push.from} ${push.id}`,
        stanza: JSON.stringify(stanza),
        part,
        parts: push.parts,
      })
      listener.onJournaled()
    }
    const onMessage = async (seq: number, push: Inbound): Promise<void> => {
      if (push.unreadable > 0) {
        frame.count('inbound that could not be read at first')
        try {
          await listener.onUndecryptable(`${push.from} ${push.id}`, promotionOf(push, deviceId, 'no session'))
        } catch {
          return closed('transport', null, 'a handler failed')
        }
        return write({ kind: 'retry', seq })
      }
      if (defects.receiptFirst === true) write({ kind: 'answer', seq })
      try {
        for (let part = 0; part < push.parts; part++) await readPart(push, part)
      } catch (error) {
        return storeFailed(error)
      }
      write({ kind: 'answer', seq })
    }
    const onReceipt = async (
      seq: number,
      { id, status, from }: Extract<Push, { kind: 'receipt' }>,
    ): Promise<void> => {
      try {
        await listener.onReceipt({ whatsappIds: [id], status, at: frame.wall(), from })
      } catch {
        return closed('transport', null, 'a handler failed')
      }
      acks.get(id)?.({ kind: 'acked', at: frame.wall() })
      write({ kind: 'answer', seq })
    }

    const hear = (word: FromServer): void => {
      if (over) return
      if (answers.has(word.kind)) listener.onAnswer()
      switch (word.kind) {
        case 'qr':
          return listener.onQr(word.text, word.ttlMs)
        case 'qr_refs_over':
          return closed('client', 408, 'QR refs attempts ended')
        case 'pair_success':
          if (!save({ linkId: link.id, account: word.account })) return
          write({ kind: 'pair_done' })
          return listener.onPaired(word.account)
        case 'success':
          return listener.onOpened(word.account)
        case 'ack':
          return acks.get(word.id)?.({ kind: 'acked', at: word.at })
        case 'nack':
          return acks.get(word.id)?.({ kind: 'rejected', code: word.code })
        case 'pong':
          return pongs.get(word.id)?.()
        case 'unlinked':
          return unlinked?.()
        case 'push':
          void (word.push.kind === 'message'
            ? onMessage(word.seq, word.push)
            : onReceipt(word.seq, word.push))
          return
        case 'close':
          return closed(word.origin, word.code, `closed with ${word.code}`)
        default:
      }
    }

    const known = stored === undefined ? undefined : server.links.get(stored.linkId)
    const link: Link = known ?? server.newLink(deviceId)
    const session = newSession(link, {
      who: process.name,
      epoch: lease.epoch,
      // A frame waits in the kernel for a process that is paused.
      toClient: (word) => later(0, () => hear(word)),
    })
    const connect = (): void => {
      if (over) return
      if (!server.reachable || frame.mishap(luck, 0.05)) {
        return later(luck.next() * connectFailMs, () => closed('transport', null, 'ECONNREFUSED'))
      }
      server.connect(session)
      write({ kind: 'login', linked: (stored?.account ?? null) !== null })
    }
    if (known === undefined && !save({ linkId: link.id, account: null })) throw new Error('the store failed')
    later(luck.next() * connectMaxMs, connect)

    const written = async (whatsappId: string, to: string): Promise<AttemptOutcome | undefined> => {
      if (over) return { kind: 'not_sent', detail: 'Connection Closed' }
      try {
        const next = await step('out', null)
        if (!over) write({ kind: 'message', id: whatsappId, to, step: next })
        return over ? { kind: 'not_sent', detail: 'Connection Closed' } : undefined
      } catch (error) {
        storeFailed(error)
        return { kind: 'not_sent', detail: 'All encryptions failed' }
      }
    }

    const noFiles = () => Promise.reject(new Error('the simulation sends plain texts, without files'))
    return {
      typing: () => Promise.reject(new Error('the simulation types nothing')),
      prepare: () => Promise.reject(new Error('the simulation sends plain texts, which come as bytes')),
      upload: noFiles,
      download: noFiles,
      askForFile: noFiles,
      carryOut: () => Promise.reject(new Error('nothing but texts is asked of the simulation')),
      async send({ to, whatsappId }) {
        const answer = Promise.withResolvers<AttemptOutcome>()
        acks.set(whatsappId, answer.resolve)
        const cut = gone.promise.then(
          (detail): AttemptOutcome =>
            defects.unknownAsAcked === true
              ? { kind: 'acked', at: frame.wall() }
              : { kind: 'unknown', detail },
        )
        try {
          const early = await written(whatsappId, to)
          return early ?? (await withDeadline(Promise.race([answer.promise, cut]), ackTimeoutMs, 'the ack'))
        } catch (error) {
          return { kind: 'unknown', detail: error instanceof DeadlineError ? error.message : String(error) }
        } finally {
          acks.delete(whatsappId)
        }
      },
      async probe(timeoutMs) {
        if (defects.probeLies === true) return listener.onAnswer()
        const id = ++pings
        const pong = Promise.withResolvers<void>()
        pongs.set(id, pong.resolve)
        write({ kind: 'ping', id })
        await withDeadline(pong.promise, timeoutMs, 'the pong')
      },
      requestPairingCode: () => Promise.reject(new Error('this WhatsApp knows QR codes only')),
      async unlink(timeoutMs) {
        const done = Promise.withResolvers<void>()
        unlinked = done.resolve
        write({ kind: 'unlink' })
        await withDeadline(done.promise, timeoutMs, 'the unlinking')
      },
      drop: () => drop('the connection was dropped'),
    }
  }

  return {
    open,
    isPaired: async (deviceId) => (parse(await store.auth.creds(deviceId))?.account ?? null) !== null,
    readVote: () => null,
    promote: (stanza, _plaintexts, deviceId) => promotionOf(JSON.parse(stanza) as Stanza, deviceId, null),
  }
}
