import type { Event } from '../domain/event.ts'
import type { Clock } from '../runtime/clock.ts'
import { startLoop, type Loop } from '../runtime/loop.ts'
import type { Store } from '../store/store.ts'

/** What can be waited for: a row, by its id. */
type WatchKey = `message/${string}` | `operation/${string}` | `device/${string}` | `delivery/${string}`

/**
 * Lets any number of requests wait for rows at the price of one query a change: events are read once for all of
 * them, and only those are woken whose row an event names. What wakes them is a hint; each reads its row itself.
 */
export interface Watcher {
  /**
   * Calls `read` now, after each hint that the row has changed, and at the end, until it gives a value; at most `ms`.
   * Resolves with undefined when it gave none. What `read` rejects with, this rejects with.
   */
  until<T>(key: WatchKey, read: () => Promise<T | undefined>, ms: number): Promise<T | undefined>
  /** Ends every wait as if its time were up, and every later one at once: for a process that is stopping. */
  close(): Promise<void>
}

export interface WatcherOptions {
  readonly store: Pick<Store, 'onChange'> & { readonly events: Pick<Store['events'], 'after' | 'latest'> }
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  readonly pollMs?: number
  readonly lingerMs?: number
}

const pollMsDefault = 250
const eventBatchMax = 500
/** Whoever waits next finds the watch under way, if that is soon: to begin it costs more than one look. */
const lingerMsDefault = 1_000
/** Further waits are over at once: each holds a connection of the HTTP server, and the answer then is "queued". */
const waitersMax = 10_000

interface Waiter {
  hinted: boolean
  over: boolean
  wake: (() => void) | undefined
}

/** The work that is done while anybody waits. */
interface Run {
  readonly loop: Loop
  readonly unsubscribe: () => void
}

/** That a message is queued again is nothing that anybody waits for. */
const keysOf = (event: Event): readonly WatchKey[] => {
  const { type, deviceId, data } = event
  if (type === 'message.queued' || type === 'operation.queued') return []
  if ('messageId' in data) return [`message/${data.messageId}`, `device/${deviceId}`]
  return 'operationId' in data ? [`operation/${data.operationId}`] : [`device/${deviceId}`]
}

export const createWatcher = ({
  store,
  clock,
  onError,
  pollMs = pollMsDefault,
  lingerMs = lingerMsDefault,
}: WatcherOptions): Watcher => {
  const waiters = new Map<WatchKey, Set<Waiter>>()
  let count = 0
  let run: Run | undefined
  let lingering: NodeJS.Timeout | undefined
  let closed = false

  const hint = (waiter: Waiter): void => {
    waiter.hinted = true
    waiter.wake?.()
  }
  const hintKey = (key: WatchKey): void => waiters.get(key)?.forEach(hint)
  const hintAll = (kinds: readonly string[]): void => {
    for (const key of waiters.keys()) if (kinds.some((kind) => key.startsWith(kind))) hintKey(key)
  }

  const start = (): Run => {
    let cursor: number | undefined
    let sweptAt = clock.monotonic()
    const tick = async (): Promise<number | undefined> => {
      if (cursor === undefined) {
        // Whatever changed before the cursor stood is not among the events to come.
        cursor = await store.events.latest()
        hintAll([''])
        return undefined
      }
      const events = await store.events.after(cursor, { limit: eventBatchMax })
      cursor = events.at(-1)?.seq ?? cursor
      for (const key of new Set(events.flatMap(keysOf))) hintKey(key)
      // Pairing codes and attempts to deliver are changes of rows that are no events.
      if (clock.monotonic() - sweptAt >= pollMs) {
        sweptAt = clock.monotonic()
        hintAll(['device/', 'delivery/'])
      }
      return events.length === eventBatchMax ? 0 : undefined
    }
    const loop = startLoop({ tick, pollMs, onError })
    return { loop, unsubscribe: store.onChange(() => loop.poke()) }
  }

  const stop = async (): Promise<void> => {
    clearTimeout(lingering)
    const stopping = run
    run = undefined
    stopping?.unsubscribe()
    await stopping?.loop.stop()
  }

  const add = (key: WatchKey, waiter: Waiter): void => {
    const group = waiters.get(key) ?? new Set()
    waiters.set(key, group.add(waiter))
    count++
    clearTimeout(lingering)
    run ??= start()
  }
  const remove = (key: WatchKey, waiter: Waiter): void => {
    const group = waiters.get(key)
    group?.delete(waiter)
    if (group?.size === 0) waiters.delete(key)
    count--
    if (count > 0 || closed) return
    lingering = setTimeout(() => void stop().catch(onError), lingerMs).unref()
  }

  return {
    async until(key, read, ms) {
      if (closed || ms <= 0 || count >= waitersMax) return await read()
      const waiter: Waiter = { hinted: false, over: false, wake: undefined }
      add(key, waiter)
      const timer = setTimeout(() => {
        waiter.over = true
        waiter.wake?.()
      }, ms)
      try {
        for (;;) {
          waiter.hinted = false
          const last = waiter.over
          const found = await read()
          if (found !== undefined || last) return found
          if (!waiter.hinted && !waiter.over) {
            await new Promise<void>((resolve) => {
              waiter.wake = resolve
            })
          }
        }
      } finally {
        clearTimeout(timer)
        remove(key, waiter)
      }
    },
    async close() {
      closed = true
      for (const group of waiters.values()) {
        for (const waiter of group) {
          waiter.over = true
          waiter.wake?.()
        }
      }
      await stop()
    },
  }
}
