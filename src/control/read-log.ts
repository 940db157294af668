import { CursorTooOldError, GatewayError } from '../domain/errors.ts'
import type { Event, EventType } from '../domain/event.ts'
import type { Store } from '../store/store.ts'

/** Which events somebody wants; what is not given is no limit. */
export interface LogFilter {
  readonly types?: readonly EventType[]
  readonly deviceIds?: readonly string[]
}

/** Where to begin: behind an event, behind the newest, or at the oldest that is kept. */
export type After = number | 'latest' | 'oldest'

export interface LogPage {
  readonly events: readonly Event[]
  /** The cursor to go on from: behind the last event, and behind those that the filter leaves out. */
  readonly next: number
}

type LogStore = Pick<Store['events'], 'after' | 'latest' | 'floor'>

/** The cursor at which to begin. Refuses one whose next events are gone, and one that this log has never come to. */
export const cursorOf = async (log: LogStore, after: After): Promise<number> => {
  if (after === 'oldest') return await log.floor()
  const latest = await log.latest()
  if (after === 'latest') return latest
  const floor = await log.floor()
  if (after < floor) throw new CursorTooOldError(floor + 1)
  if (after > latest) {
    throw new GatewayError(
      'invalid_query',
      `after: the newest event is ${latest}, so that ${after} is of another log, or of this one before it was set back to a backup; begin anew without after, or with after=latest`,
    )
  }
  return after
}

/**
 * Events behind a cursor and up to `until`, at most `limit`. Rejects with CursorTooOldError when some of them may have been
 * removed meanwhile: none is passed over in silence.
 */
export const readLog = async (
  log: LogStore,
  cursor: number,
  { limit, until, ...filter }: LogFilter & { readonly limit: number; readonly until: number },
): Promise<LogPage> => {
  const events = await log.after(cursor, { ...filter, limit, until })
  const floor = await log.floor()
  if (floor > cursor) throw new CursorTooOldError(floor + 1)
  const last = events.at(-1)
  return { events, next: last !== undefined && events.length === limit ? last.seq : Math.max(cursor, until) }
}
