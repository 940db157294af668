/**
 * Tells listeners that the database may have changed: at once for commits of this process, through a poke over a Unix
 * socket for those of others, and by polling SQLite's `data_version`, since a poke is only a hint that may be lost.
 */
import type { Database } from 'better-sqlite3'
import type { Log } from '../../runtime/log.ts'
import { openPokes, type Pokes } from './pokes.ts'

const dataVersionPollMs = 250

export interface Wakeups {
  /** This process has committed something. */
  committed(): void
  subscribe(listener: () => void): () => void
  /** Asks the processes that may have the lock for a turn. */
  askForTurn(): void
  /** Tells the others that they may have the lock now. */
  giveTurn(): void
  /** Who is told of asking processes, and of the moments in which the lock may have become free. */
  turns(listener: { readonly asked: () => void; readonly free: () => void }): void
  close(): Promise<void>
}

export const openWakeups = async (
  client: Database,
  { folder, log }: { readonly folder: string | undefined; readonly log: Log | undefined },
): Promise<Wakeups> => {
  const listeners = new Set<() => void>()
  let turnListener: Parameters<Wakeups['turns']>[0] | undefined
  let pending = false
  let own = false

  /** Once for all that happens in one turn of the event loop. */
  const notify = (): void => {
    if (pending) return
    pending = true
    setImmediate(() => {
      pending = false
      if (own) pokes?.poke()
      own = false
      for (const listener of listeners) {
        try {
          listener()
        } catch (error) {
          log?.error({ err: error }, 'change listener failed')
        }
      }
    })
  }

  const pokes: Pokes | undefined =
    folder === undefined
      ? undefined
      : await openPokes({
          folder,
          onPoke() {
            turnListener?.free()
            notify()
          },
          onAsk: () => turnListener?.asked(),
          log,
        })

  const dataVersion = client.prepare<[], number>('pragma data_version').pluck()
  let seen: number | undefined
  const poll = (): void => {
    try {
      const version = dataVersion.get()
      if (seen !== undefined && version !== seen) notify()
      seen = version
    } catch (error) {
      log?.debug({ err: error }, 'data version not readable now')
    }
  }
  poll()
  const timer = folder === undefined ? undefined : setInterval(poll, dataVersionPollMs)
  timer?.unref()

  return {
    committed() {
      own = true
      notify()
    },
    subscribe(listener) {
      const entry = (): void => listener()
      listeners.add(entry)
      return () => {
        listeners.delete(entry)
      }
    },
    askForTurn: () => pokes?.ask(),
    giveTurn: () => pokes?.poke(),
    turns(listener) {
      turnListener = listener
    },
    async close() {
      clearInterval(timer)
      listeners.clear()
      await pokes?.close()
    },
  }
}
