import type { Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import type { Pacing } from '../domain/pacing.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import { partyJid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import { afterAttempt, type AttemptOutcome, dueAheadMaxMs } from '../domain/outbox.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { ClaimedMessage, OutboxStore, PacingStore } from '../store/store.ts'
import type { Prepared, WhatsAppSocket } from '../whatsapp/socket.ts'

export interface OutboxSenderOptions {
  readonly outbox: OutboxStore
  readonly pacing: Pick<PacingStore, 'claim' | 'holds'>
  /** How fast the device may send, as its row says now. */
  readonly limits: () => { readonly pacing: Pacing | null; readonly restrictedUntil: number | null }
  readonly deviceId: string
  readonly lease: Lease
  readonly isHeld: () => boolean
  readonly socket: Pick<WhatsAppSocket, 'send' | 'typing'>
  /** Makes the bytes of a message that has only a body yet. */
  readonly prepare: (message: Message) => Promise<Prepared>
  /** The phone-number JID that the socket is logged in as. */
  readonly ownAddress: string
  readonly clock: Clock
  readonly random: Random
  readonly origin: () => Origin
  /** The lease is gone, or an outcome is: then only a new term can put the message right (`recover`). */
  readonly onLost: () => void
  readonly log: Log
}

export interface OutboxSender {
  poke(): void
  /** Claims nothing more; resolves when the outcomes of what is in flight are written. */
  stop(): Promise<void>
}

/** Baileys works on them one by one; more would only lengthen the time that each spends in its hands. */
const inFlightMax = 20
/** What is queued pokes it, and what is due later wakes it: this is for what was missed. */
const pollMs = 5_000
const recordRetryMs = 1_000

/** Sends what is due over one open socket: claim, send, record. */
export const startOutboxSender = (options: OutboxSenderOptions): OutboxSender => {
  const { outbox, pacing, limits, deviceId, lease, isHeld, socket, prepare } = options
  const { ownAddress, clock, random, origin, onLost, log } = options
  const ending = new AbortController()
  const inFlight = new Set<Promise<void>>()
  /** Some may be held, of an earlier time too; undefined before anybody has looked. */
  let mayHold: boolean | undefined

  /** What was prepared for an earlier attempt is sent again as it was. */
  const contentOf = async ({ message, content }: ClaimedMessage): Promise<Prepared> => {
    if (content !== null) return { kind: 'ready', content }
    const prepared = await prepare(message)
    if (prepared.kind === 'ready') await outbox.prepared(lease, message.id, prepared.content)
    return prepared
  }

  const trySend = async (claimed: ClaimedMessage): Promise<AttemptOutcome> => {
    const { message } = claimed
    if (!isHeld()) return { kind: 'not_sent', detail: 'the lease was lost' }
    const { pn } = message.sender
    if (pn !== null && pn !== ownAddress) {
      const detail = `it was accepted for ${pn}, and the device is linked to ${ownAddress} now`
      return { kind: 'impossible', code: 'other_account', detail }
    }
    const prepared = await contentOf(claimed)
    if (prepared.kind !== 'ready') return prepared
    const { content } = prepared
    if (claimed.typingMs !== null) {
      const typing = { to: partyJid(message.chat), recording: message.type === 'voice' }
      await socket.typing({ ...typing, forMs: claimed.typingMs }, ending.signal)
      if (ending.signal.aborted)
        return { kind: 'not_sent', detail: 'the connection ended while it was typed' }
    }
    if (claimed.expiresAt !== null && clock.now() >= claimed.expiresAt) {
      return { kind: 'not_sent', detail: 'its time ran out' }
    }
    return socket.send({ to: partyJid(message.chat), whatsappId: message.whatsappId, content })
  }

  const attempt = async (claimed: ClaimedMessage): Promise<void> => {
    const { message } = claimed
    const outcome = await trySend(claimed)
    const now = clock.now()
    const after = afterAttempt(outcome, claimed, now, random)
    log.debug(
      { device: deviceId, message: message.id, outcome: outcome.kind, state: after.state },
      'attempt ended',
    )
    for (;;) {
      const last = ending.signal.aborted
      try {
        return await outbox.record(lease, message.id, after, origin(), now)
      } catch (error) {
        if (error instanceof StaleLeaseError) return onLost()
        log.error({ device: deviceId, message: message.id, err: error }, 'outcome was not recorded')
        if (last) return onLost()
      }
      // Until it is, nothing else can be sent to this chat.
      await sleep(recordRetryMs, ending.signal)
    }
  }

  /** Claims what may go now; resolves with until when nothing more may, if that is known. */
  const claim = async (
    limit: number,
    now: number,
  ): Promise<{ claimed: readonly ClaimedMessage[]; until?: number | undefined }> => {
    const { pacing: rules, restrictedUntil } = limits()
    const restricted = restrictedUntil !== null && restrictedUntil > now
    if (rules === null && !restricted && mayHold !== true) {
      return { claimed: await outbox.claim(lease, { deviceId, limit }, origin(), now) }
    }
    const input = { deviceId, limit, rules, restrictedUntil, random }
    const { claimed, wait, holds } = await pacing.claim(lease, input, origin(), now)
    mayHold = rules !== null || restricted || holds
    return { claimed, until: wait?.until ?? (holds ? now : undefined) }
  }

  const loop = startLoop({
    pollMs,
    async tick() {
      const now = clock.now()
      const limit = inFlightMax - inFlight.size
      if (limit <= 0 || !isHeld()) return undefined
      mayHold ??= await pacing.holds(deviceId)
      const due = await outbox.nextDue(deviceId)
      if (!mayHold) {
        if (due === null) return undefined
        if (due > now && due <= now + dueAheadMaxMs) return due - now
      }
      const { claimed, until } = await claim(limit, now)
      for (const message of claimed) {
        const run = attempt(message)
          .catch((error: unknown) => {
            log.error({ device: deviceId, message: message.message.id, err: error }, 'attempt failed')
            onLost()
          })
          .finally(() => {
            inFlight.delete(run)
            loop.poke()
          })
        inFlight.add(run)
      }
      return until === undefined ? undefined : Math.max(0, until - now)
    },
    onError(error) {
      if (error instanceof StaleLeaseError) onLost()
      else log.error({ device: deviceId, err: error }, 'outbox tick failed')
    },
  })

  return {
    poke: () => loop.poke(),
    async stop() {
      ending.abort()
      await loop.stop()
      await Promise.all(inFlight)
    },
  }
}
