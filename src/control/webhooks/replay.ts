import { CursorTooOldError } from '../../domain/errors.ts'
import type { ControlContext } from '../context.ts'
import { knownEndpoint } from './known-webhook.ts'

/** Events that one transaction looks through, since others write between; and one request: the answer tells where to go on. */
export const replayLimits = { batch: 1_000, most: 100_000 }

export interface Replayed {
  /** New deliveries. */
  readonly count: number
  /** Where to go on; null when all of the range was looked through. */
  readonly nextAfter: number | null
}

/**
 * Sends a range of the log (`after < seq <= until`) to an endpoint once more, as far as it wants it: new deliveries of the same
 * events. Throws `cursor_too_old` when a part of it is not kept any more.
 */
export const replay = async (
  ctx: ControlContext,
  { id, after, until }: { id: string; after: number; until: number | undefined },
  { batch: limit, most } = replayLimits,
): Promise<Replayed> => {
  const { store, clock, origin } = ctx
  await knownEndpoint(ctx, { id })
  const floor = await store.events.floor()
  if (after < floor) throw new CursorTooOldError(floor + 1)
  const end = Math.min(until ?? Number.MAX_SAFE_INTEGER, await store.events.latest())
  let count = 0
  let at = after
  while (at < end) {
    if (at - after >= most) return { count, nextAfter: at }
    const range = { after: at, until: end, limit }
    const batch = await store.webhooks.replay(id, range, origin, clock.now())
    if (batch.lastSeq === null) break
    count += batch.count
    at = batch.lastSeq
  }
  return { count, nextAfter: null }
}
