import { GatewayError } from '../domain/errors.ts'
import type { Event } from '../domain/event.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Store } from '../store/store.ts'
import type { LogFollower } from './log-follower.ts'
import { readLog, type LogFilter } from './read-log.ts'

/** One reader's way along the log. It reads when it is asked, and holds nothing between. */
export interface EventTail {
  /** All events up to here were given, or are left out by the filter. */
  readonly cursor: number
  /**
   * The next events, at once or when they come, but `limit` at most; none when `ms` are over. Undefined at the end: the tail
   * was closed, or the process stops. Rejects with CursorTooOldError when the next ones are not kept any more.
   */
  next(ms: number, limit?: number): Promise<readonly Event[] | undefined>
  close(): void
}

export interface StreamTimes {
  /** A connection on which nothing happens for so long is given a sign of life: else whatever is in between cuts it. */
  readonly beatMs: number
  /** A client that takes nothing for so long, while something waits for it, is cut. */
  readonly stallMs: number
}

/** Lets any number of readers wait for events. Those who keep up share one look at the log a change. */
export interface EventFeed {
  /** What holds for the connections of its readers. */
  readonly times: StreamTimes
  /** Begins behind `cursor`. An aborted signal closes the tail. Throws when too many are open. */
  open(cursor: number, filter: LogFilter, signal?: AbortSignal): EventTail
  /** Ends all tails, and every later one at once: for a process that is stopping. */
  close(): void
}

export interface EventFeedOptions {
  readonly store: { readonly events: Pick<Store['events'], 'after' | 'latest' | 'floor'> }
  readonly follower: LogFollower
  readonly clock: Clock
  readonly times?: StreamTimes
}

const standardTimes: StreamTimes = { beatMs: 15_000, stallMs: 30_000 }
/** Polls that wait, streams and WebSockets together: each holds a connection. */
export const tailsMax = 1_000
/** What a tail has in memory at a time. */
const batchEvents = 32
/** A filter that little matches must not keep a tail from its heartbeat: it looks through so many events in one go. */
const scanSeqs = 50_000

/** The last look at the log: all events behind `start`, up to `end`. */
interface Look {
  readonly start: number
  readonly end: number
  readonly events: readonly Event[]
}

/** A tail, as the feed sees it. */
interface Reader {
  readonly looked: (look: Look) => void
  readonly end: () => void
}

const wants =
  ({ types, deviceIds }: LogFilter) =>
  ({ type, deviceId }: Event): boolean =>
    (types === undefined || types.includes(type)) &&
    (deviceIds === undefined || (deviceId !== null && deviceIds.includes(deviceId)))

export const createEventFeed = ({
  store,
  follower,
  clock,
  times = standardTimes,
}: EventFeedOptions): EventFeed => {
  const readers = new Set<Reader>()
  let look: Look | undefined
  let unfollow: (() => void) | undefined
  let closed = false

  const tell = (next: Look): void => {
    look = next
    for (const reader of readers) reader.looked(next)
  }
  const follow = (): void => {
    unfollow ??= follower.follow({
      began: (seq) => tell({ start: seq, end: seq, events: [] }),
      looked(events) {
        const end = events.at(-1)?.seq
        if (end !== undefined && look !== undefined) tell({ start: look.end, end, events })
      },
    })
  }
  const leave = (reader: Reader): void => {
    readers.delete(reader)
    if (readers.size > 0) return
    unfollow?.()
    unfollow = undefined
    look = undefined
  }

  return {
    times,
    open(begin, filter, signal) {
      if (readers.size >= tailsMax) {
        throw new GatewayError(
          'too_many_streams',
          `${tailsMax} readers wait for events already; close some, or ask without wait`,
        )
      }
      const isWanted = wants(filter)
      let cursor = begin
      let over = closed || signal?.aborted === true
      let wake: (() => void) | undefined

      /** Of the last look, which all tails share; undefined when this one stands before it. */
      const fromLook = (limit: number): readonly Event[] | undefined => {
        if (look === undefined || cursor < look.start) return undefined
        const behind = cursor
        const found = look.events.filter((event) => event.seq > behind && isWanted(event)).slice(0, limit)
        const last = found.at(-1)
        cursor = last !== undefined && found.length === limit ? last.seq : Math.max(cursor, look.end)
        return found
      }
      const fromStore = async (limit: number, end: number): Promise<readonly Event[]> => {
        const until = Math.min(end, cursor + scanSeqs)
        const { events, next } = await readLog(store.events, cursor, { ...filter, limit, until })
        cursor = next
        return events
      }
      const news = async (ms: number): Promise<void> => {
        let timer: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          timer = setTimeout(resolve, ms)
        })
        wake = undefined
        clearTimeout(timer)
      }

      const reader: Reader = {
        looked({ start, end, events }) {
          if (wake === undefined) return
          const isNews = cursor < start || events.length === 0 || events.some((event) => isWanted(event))
          // Nothing of it is wanted: it is passed over without waking anybody.
          if (isNews) wake()
          else cursor = Math.max(cursor, end)
        },
        end() {
          over = true
          wake?.()
        },
      }
      const close = (): void => {
        signal?.removeEventListener('abort', close)
        reader.end()
        leave(reader)
      }
      if (!over) {
        readers.add(reader)
        signal?.addEventListener('abort', close, { once: true })
        follow()
      }

      return {
        get cursor() {
          return cursor
        },
        async next(ms, limit = batchEvents) {
          const until = clock.monotonic() + ms
          while (!over) {
            const end = look?.end ?? (await store.events.latest())
            const found = fromLook(limit) ?? (await fromStore(limit, end))
            if (found.length > 0) return found
            const left = until - clock.monotonic()
            if (left <= 0) return []
            if (!over && cursor >= (look?.end ?? end)) await news(left)
          }
          return undefined
        },
        close,
      }
    },
    close() {
      closed = true
      for (const reader of readers) reader.end()
      readers.clear()
      unfollow?.()
    },
  }
}
