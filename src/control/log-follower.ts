import type { Event } from '../domain/event.ts'
import { startLoop, type Loop } from '../runtime/loop.ts'
import type { Store } from '../store/store.ts'

export interface LogListener {
  /** The log is followed from here on: what was written before is not among the events to come. */
  readonly began: (seq: number) => void
  /** What came since the last look, in order; it may be nothing. */
  readonly looked: (events: readonly Event[]) => void
}

/** Reads the event log once a change for all who follow it, however many they are; while nobody does, not at all. */
export interface LogFollower {
  /** Returns the way to stop. */
  follow(listener: LogListener): () => void
  close(): Promise<void>
}

export interface LogFollowerOptions {
  readonly store: Pick<Store, 'onChange'> & { readonly events: Pick<Store['events'], 'after' | 'latest'> }
  readonly onError: (error: unknown) => void
  readonly pollMs?: number
  readonly lingerMs?: number
}

export const logPollMs = 250
/** An event may say all of a long message: some hundred KB. */
const batchEvents = 100
/** Whoever follows next finds the work under way, if that is soon: to begin it costs more than one look. */
const lingerMsDefault = 1_000

/** The work that is done while anybody follows. */
interface Run {
  readonly loop: Loop
  readonly unsubscribe: () => void
  /** The newest event that was looked at; undefined until the place in the log is known. */
  readonly cursor: () => number | undefined
}

export const createLogFollower = ({
  store,
  onError,
  pollMs = logPollMs,
  lingerMs = lingerMsDefault,
}: LogFollowerOptions): LogFollower => {
  const listeners = new Set<LogListener>()
  let run: Run | undefined
  let lingering: NodeJS.Timeout | undefined
  let closed = false

  const start = (): Run => {
    let cursor: number | undefined
    const tick = async (): Promise<number | undefined> => {
      if (cursor === undefined) {
        cursor = await store.events.latest()
        for (const listener of listeners) listener.began(cursor)
        return undefined
      }
      const events = await store.events.after(cursor, { limit: batchEvents })
      cursor = events.at(-1)?.seq ?? cursor
      for (const listener of listeners) listener.looked(events)
      return events.length === batchEvents ? 0 : undefined
    }
    const loop = startLoop({ tick, pollMs, onError })
    return { loop, unsubscribe: store.onChange(() => loop.poke()), cursor: () => cursor }
  }

  const stop = async (): Promise<void> => {
    clearTimeout(lingering)
    const stopping = run
    run = undefined
    stopping?.unsubscribe()
    await stopping?.loop.stop()
  }

  return {
    follow(listener) {
      if (closed) return () => undefined
      listeners.add(listener)
      clearTimeout(lingering)
      run ??= start()
      const cursor = run.cursor()
      if (cursor !== undefined) listener.began(cursor)
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0 || closed) return
        clearTimeout(lingering)
        lingering = setTimeout(() => void stop().catch(onError), lingerMs).unref()
      }
    },
    async close() {
      closed = true
      listeners.clear()
      await stop()
    },
  }
}
