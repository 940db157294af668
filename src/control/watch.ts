import type { Event } from '../domain/event.ts'
import type { Clock } from '../runtime/clock.ts'
import { logPollMs, type LogFollower, type LogListener } from './log-follower.ts'

/** What can be waited for: a row, by its id. */
type WatchKey = `message/${string}` | `operation/${string}` | `device/${string}` | `delivery/${string}`

/**
 * Lets any number of requests wait for rows at the price of one query a change: the log is followed for all of them
 * together, and only those are woken whose row an event names. What wakes them is a hint; each reads its row itself.
 */
export interface Watcher {
  /**
   * Calls `read` now, after each hint that the row has changed, and at the end, until it gives a value; at most `ms`.
   * Resolves with undefined when it gave none. What `read` rejects with, this rejects with.
   */
  until<T>(key: WatchKey, read: () => Promise<T | undefined>, ms: number): Promise<T | undefined>
  /** Ends every wait as if its time were up, and every later one at once: for a process that is stopping. */
  close(): void
}

export interface WatcherOptions {
  readonly follower: LogFollower
  readonly clock: Clock
  readonly sweepMs?: number
}

/** Further waits are over at once: each holds a connection of the HTTP server, and the answer then is "queued". */
const waitersMax = 10_000

interface Waiter {
  hinted: boolean
  over: boolean
  wake: (() => void) | undefined
}

/** That a message is queued again is nothing that anybody waits for. */
const keysOf = (event: Event): readonly WatchKey[] => {
  const { type, deviceId, data } = event
  if (type === 'message.queued' || type === 'operation.queued') return []
  if ('messageId' in data) return [`message/${data.messageId}`, `device/${deviceId}`]
  return 'operationId' in data ? [`operation/${data.operationId}`] : [`device/${deviceId}`]
}

export const createWatcher = ({ follower, clock, sweepMs = logPollMs }: WatcherOptions): Watcher => {
  const waiters = new Map<WatchKey, Set<Waiter>>()
  let count = 0
  let sweptAt = 0
  let unfollow: (() => void) | undefined
  let closed = false

  const hint = (waiter: Waiter): void => {
    waiter.hinted = true
    waiter.wake?.()
  }
  const hintKey = (key: WatchKey): void => waiters.get(key)?.forEach(hint)
  const hintAll = (kinds: readonly string[]): void => {
    for (const key of waiters.keys()) if (kinds.some((kind) => key.startsWith(kind))) hintKey(key)
  }

  const stop = (): void => {
    unfollow?.()
    unfollow = undefined
  }

  const listener: LogListener = {
    // Whatever changed before is not among the events to come.
    began: () => hintAll(['']),
    looked(events) {
      for (const key of new Set(events.flatMap(keysOf))) hintKey(key)
      // Pairing codes and attempts to deliver are changes of rows that are no events.
      if (clock.monotonic() - sweptAt >= sweepMs) {
        sweptAt = clock.monotonic()
        hintAll(['device/', 'delivery/'])
      }
    },
  }

  const add = (key: WatchKey, waiter: Waiter): void => {
    const group = waiters.get(key) ?? new Set()
    waiters.set(key, group.add(waiter))
    count++
    if (unfollow !== undefined) return
    sweptAt = clock.monotonic()
    unfollow = follower.follow(listener)
  }
  const remove = (key: WatchKey, waiter: Waiter): void => {
    const group = waiters.get(key)
    group?.delete(waiter)
    if (group?.size === 0) waiters.delete(key)
    count--
    if (count === 0) stop()
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
    close() {
      closed = true
      for (const group of waiters.values()) {
        for (const waiter of group) {
          waiter.over = true
          waiter.wake?.()
        }
      }
      stop()
    },
  }
}
