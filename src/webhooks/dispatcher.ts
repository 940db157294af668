/**
 * Brings events to endpoints: claims deliveries that are due, has each tried, and says what came of it. Of all processes of a data
 * folder one does it, under a lease.
 */
import type { Actor } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import { dispatcherSeat, type Lease, StaleLeaseError } from '../domain/lease.ts'
import { type Endpoint, retryAfterMaxMs } from '../domain/webhook.ts'
import { startLeaseKeeper } from '../lease/lease-keeper.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { Clock } from '../runtime/clock.ts'
import { sleep, withDeadline } from '../runtime/deadline.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import type { ClaimedDelivery, Store, Work } from '../store/store.ts'
import { createAttempt, type Place } from './attempt.ts'
import { createLoadFile } from './event-file.ts'
import { createGather } from './gather.ts'
import { createLane, type Lane, laneMax } from './lane.ts'
import type { Poster } from './post.ts'
import { attemptsMax, shareOut } from './share-out.ts'

export interface DispatcherOptions {
  /** Unique to this process: `dsp_…`. */
  readonly owner: string
  readonly store: Pick<Store, 'webhooks' | 'leases' | 'media' | 'onChange'>
  readonly blobs: Pick<BlobStore, 'open'>
  /** Where files are kept; undefined when that is no folder of this machine. */
  readonly mediaFolder: string | undefined
  /** What links to files begin with, without a slash at its end. */
  readonly publicUrl: string
  readonly poster: Poster
  readonly clock: Clock
  readonly random: Random
  readonly attemptDelaysMs: readonly number[]
  readonly leaseTtlMs: number
  readonly isDead: (owner: string) => Promise<boolean>
  readonly userAgent: string
  readonly log: Log
}

export interface Dispatcher {
  /** Ends in bounded time; what is under way then is due again. */
  stop(): Promise<void>
}

/** What comes due wakes it, and whatever is written; this is for hints that were lost, and for a lease that gets free. */
const pollMs = 500
/** Between two looks: what comes meanwhile is claimed together, in one commit with what has ended. */
const gapMs = 10
/** So long attempts under way may go on when it stops. */
const stopMs = 1_500

/** Whoever follows nobody may go. */
const first = Promise.resolve(true)

/** The time before which an endpoint wants nothing; none when no wait reaches so far: the wall clock was put back. */
const pausedUntil = ({ notBefore }: Endpoint, now: number): number =>
  notBefore === null || notBefore > now + retryAfterMaxMs ? 0 : notBefore

export const startDispatcher = (options: DispatcherOptions): Dispatcher => {
  const { owner, store, blobs, mediaFolder, publicUrl, poster, clock, random, userAgent, log } = options
  const { webhooks } = store
  const actor: Actor = { kind: 'dispatcher', id: owner }
  const outcomes = createGather()
  const tryDelivery = createAttempt({
    webhooks,
    loadFile: createLoadFile({ media: store.media, blobs, folder: mediaFolder, publicUrl, clock, log }),
    poster,
    clock,
    random,
    attemptDelaysMs: options.attemptDelaysMs,
    origin: () => ({ actor, requestId: newId('tick', clock.now()) }),
    gathered() {
      loop.poke()
      return outcomes.wait()
    },
    userAgent,
    log,
  })
  let seat: Lease | undefined
  /** Ends the attempts of the present seat. */
  let term = new AbortController()
  let stopped = false
  let lookedAt = Number.NEGATIVE_INFINITY
  /** By endpoint, what is claimed and not settled; an endpoint that has nothing has none. */
  const lanes = new Map<string, Lane>()
  const cut: string[] = []
  const laneOf = (endpointId: string): Lane =>
    lanes.get(endpointId) ?? createLane(() => lanes.delete(endpointId))
  const allUnderWay = (): Promise<void>[] => [...lanes.values()].flatMap((lane) => lane.all())

  const loseSeat = (): void => {
    seat = undefined
    term.abort()
  }

  const keeper = startLeaseKeeper({
    leases: store.leases,
    owner,
    clock,
    log,
    ttlMs: options.leaseTtlMs,
    isDead: options.isDead,
    onLost() {
      loseSeat()
      loop.poke()
    },
  })

  const takeSeat = async (): Promise<Lease | undefined> => {
    if (seat !== undefined) return seat
    // Where nobody wants events there is nothing to hold a lease for.
    if ((await webhooks.list()).length === 0) return undefined
    const taken = await keeper.acquire(dispatcherSeat)
    if (taken === undefined) return undefined
    const recovered = await webhooks.recover(taken, clock.now())
    // It may have been lost in the meantime.
    if (!keeper.isHeld(taken)) return undefined
    seat = taken
    cut.length = 0
    term = new AbortController()
    log.debug({ owner, epoch: taken.epoch, recovered }, 'webhooks are dispatched here')
    return taken
  }

  const run = async (
    lease: Lease,
    endpoint: Endpoint,
    claimed: ClaimedDelivery,
    lane: Lane,
    line: Place,
  ): Promise<void> => {
    try {
      const tried = await tryDelivery(lease, endpoint, claimed, lane, line, term.signal)
      if (tried === 'cut') cut.push(claimed.delivery.id)
    } catch (error) {
      log.error({ err: error }, 'webhook attempt failed')
    }
    line.taken(false)
    loop.poke()
  }
  const begin = (lease: Lease, endpoint: Endpoint, claimed: ClaimedDelivery, before: Promise<boolean>) => {
    const lane = laneOf(endpoint.id)
    lanes.set(endpoint.id, lane)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    lane.add(run(lease, endpoint, claimed, lane, { before, taken: resolve }))
    return promise
  }

  /** A test is due before all else: it is to show what happens now, though the endpoint asked for a pause. */
  const isForTests = ({ endpoint, nextDue, testsOnly }: Work, now: number): boolean =>
    testsOnly || (nextDue !== null && nextDue < endpoint.createdAt && pausedUntil(endpoint, now) > now)
  const dueAt = (work: Work, now: number): number =>
    isForTests(work, now)
      ? (work.nextDue ?? Number.POSITIVE_INFINITY)
      : Math.max(work.nextDue ?? Number.POSITIVE_INFINITY, pausedUntil(work.endpoint, now))

  const claim = async (lease: Lease, work: readonly Work[], now: number): Promise<void> => {
    const byId = new Map(work.map((each) => [each.endpoint.id, each]))
    const asking = work.map((each) => {
      const { size, ...lane } = laneOf(each.endpoint.id)
      const room = isForTests(each, now) ? Math.min(1, laneMax - size) : lane.room(each.endpoint)
      return { endpointId: each.endpoint.id, underWay: size, room }
    })
    const total = [...lanes.values()].reduce((sum, { size }) => sum + size, 0)
    const wanted = shareOut(asking, attemptsMax - total).map((part) => {
      const each = byId.get(part.endpointId)
      return { ...part, testsOnly: each !== undefined && isForTests(each, now) }
    })
    if (wanted.length === 0) return
    const claimed = await webhooks.claim(lease, wanted, now)
    // Lost meanwhile: whoever has it now recovers them.
    if (seat !== lease) return
    let before = first
    for (const each of claimed) {
      const endpoint = byId.get(each.delivery.endpointId)?.endpoint
      if (endpoint !== undefined) before = begin(lease, endpoint, each, each.follows ? before : first)
    }
  }

  const loop = startLoop({
    pollMs,
    async tick() {
      await sleep(Math.max(0, lookedAt + gapMs - clock.monotonic()))
      lookedAt = clock.monotonic()
      if (stopped) return undefined
      const lease = await takeSeat()
      if (lease === undefined) return undefined
      const now = clock.now()
      const work = await webhooks.work(now)
      const [due, later] = [
        work.filter((each) => dueAt(each, now) <= now),
        work.filter((each) => dueAt(each, now) > now),
      ]
      outcomes.flush()
      await claim(lease, due, now)
      return later.reduce((ms, each) => Math.min(ms, dueAt(each, now) - now), pollMs)
    },
    onError(error) {
      if (!(error instanceof StaleLeaseError))
        return log.error({ err: error }, 'webhooks were not dispatched')
      // Another has it since. The keeper hears of that when it renews.
      loseSeat()
    },
  })
  const unsubscribe = store.onChange(() => loop.poke())

  const giveUp = async (lease: Lease): Promise<void> => {
    if (cut.length > 0) await webhooks.giveBack(lease, cut, clock.now(), clock.now())
    await keeper.release(lease)
  }

  return {
    async stop() {
      stopped = true
      unsubscribe()
      await loop.stop()
      await withDeadline(Promise.all(allUnderWay()), stopMs, 'the end of webhook attempts').catch(() =>
        term.abort(),
      )
      await Promise.all(allUnderWay())
      if (seat !== undefined) {
        await giveUp(seat).catch((error: unknown) => log.warn({ err: error }, 'webhooks were not given back'))
      }
      await keeper.stop()
      await poster.close()
    },
  }
}
