import type { Origin } from '../domain/audit.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import { type AutoFetch, isFetchedAtOnce } from '../domain/media-fetch.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { ActStore, FilePlace, InboundStore, JournaledStanza, Promotion } from '../store/store.ts'
import type { WhatsApp } from '../whatsapp/socket.ts'

export interface InboxOptions {
  readonly inbound: InboundStore
  readonly acts: Pick<ActStore, 'unreadVotes' | 'settleVote'>
  readonly whatsapp: WhatsApp
  readonly deviceId: string
  readonly lease: Lease
  /** Which files are fetched as they come. */
  readonly autoFetch: AutoFetch
  /** A file came that is to be fetched. */
  readonly onFile: () => void
  readonly clock: Clock
  readonly origin: () => Origin
  readonly onLost: () => void
  readonly log: Log
}

export interface Inbox {
  /** Something new is in the journal. */
  poke(): void
  stop(): Promise<void>
}

const batchSize = 50
const pollMs = 5_000
/** After something was stored the next waits so long at most: what comes in a burst shares a transaction. */
const burstPauseMs = 10
const pruneEveryMs = 60 * 60 * 1000
/** A server that redelivers after so long has forgotten the receipt for other reasons than ours. */
const journalKeptMs = 30 * 24 * 60 * 60 * 1000

/**
 * Turns what is in the journal into messages. It works from the rows alone, so it does the same after a crash, and
 * does not depend on Baileys' event buffer, which may hold messages back for 20 s and forgets them with the socket.
 */
export const startInbox = (options: InboxOptions): Inbox => {
  const { inbound, acts, whatsapp, deviceId, lease, autoFetch, onFile, clock, origin, onLost, log } = options
  const ending = new AbortController()
  let prunedAt = Number.NEGATIVE_INFINITY
  let storedAt = Number.NEGATIVE_INFINITY

  /** A poll or a vote has come, or may have before a crash. */
  let votesDue = true

  const fileOf = (promotion: Promotion, now: number): FilePlace | undefined => {
    if (promotion.kind !== 'message' || !promotion.file) return undefined
    return { id: newId('med', now), dueAt: isFetchedAtOnce(autoFetch, promotion.file) ? now : null }
  }

  /** One that cannot be stored stays in the journal, and does not hold up the others. */
  const promoteOne = async ({ stanzaKey, stanza, plaintexts }: JournaledStanza): Promise<boolean> => {
    const now = clock.now()
    try {
      const promotion = whatsapp.promote(stanza, plaintexts, deviceId, now)
      const file = fileOf(promotion, now)
      const input = { deviceId, stanzaKey, promotion, ...(file === undefined ? {} : { file }) }
      const { stored } = await inbound.promote(lease, input, origin(), now)
      if (stored !== null && file !== undefined && file.dueAt !== null) onFile()
      if (stored !== null) log.debug({ device: deviceId, message: stored.id }, 'message stored')
      if (stored?.type === 'vote' || stored?.type === 'poll') votesDue = true
      return true
    } catch (error) {
      if (error instanceof StaleLeaseError) onLost()
      else log.error({ device: deviceId, err: error }, 'message was not stored')
      return false
    }
  }

  /** A vote and its poll come in either order, and only the contents of both together can be read. */
  const readVotes = async (): Promise<void> => {
    if (!votesDue) return
    votesDue = false
    try {
      for (;;) {
        const votes = await acts.unreadVotes(deviceId, batchSize)
        const settled = votes.map(({ id, poll, ...sealed }) => ({
          id,
          pollId: poll.id,
          options: whatsapp.readVote({ ...sealed, poll }),
        }))
        await Promise.all(settled.map((vote) => acts.settleVote(lease, vote, origin(), clock.now())))
        if (votes.length < batchSize) return
      }
    } catch (error) {
      votesDue = true
      if (error instanceof StaleLeaseError) onLost()
      else log.error({ device: deviceId, err: error }, 'votes were not read')
    }
  }

  const loop = startLoop({
    pollMs,
    async tick() {
      const pauseMs = storedAt + burstPauseMs - clock.monotonic()
      if (pauseMs > 0) await sleep(pauseMs, ending.signal)
      const stanzas = await inbound.pending(deviceId, batchSize)
      const promoted = await Promise.all(stanzas.map(promoteOne))
      if (promoted.includes(true)) storedAt = clock.monotonic()
      await readVotes()
      if (clock.monotonic() - prunedAt > pruneEveryMs) {
        prunedAt = clock.monotonic()
        await inbound.prune(deviceId, clock.now() - journalKeptMs)
      }
      // A batch of which nothing could be stored would only fail again at once.
      return stanzas.length === batchSize && promoted.includes(true) ? 0 : undefined
    },
    onError: (error) => log.error({ device: deviceId, err: error }, 'inbox tick failed'),
  })
  const stop = async (): Promise<void> => {
    ending.abort()
    await loop.stop()
  }
  return { poke: () => loop.poke(), stop }
}
