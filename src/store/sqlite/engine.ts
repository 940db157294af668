/**
 * Runs verbs on the one connection of a process. Writes that arrive in one turn of the event loop share a transaction; it
 * begins and ends within one turn, so that a read never sees half of it. A verb that throws before it has written
 * leaves nothing to undo. After one that throws with half of its writes done, all are rolled back and run once more, each
 * in a savepoint of its own: in a savepoint SQLite sets aside a copy of every page that it changes, which costs more than the
 * writes themselves.
 */
import type { Database } from 'better-sqlite3'
import type { Clock } from '../../runtime/clock.ts'
import { StoreError } from '../store.ts'
import type { Accounted } from './accounted.ts'
import { isBusy, toStoreError } from './errors.ts'

export interface Engine {
  /**
   * Runs `work` in a transaction; resolves after COMMIT. What it throws undoes its own writes only. It may be run twice,
   * the first time for nothing: it must change nothing but the database. It answers for what it has written (accounted.ts).
   */
  write<T>(work: () => Accounted<T>): Promise<T>
  /** The same for rows that nobody waits for: no listener hears of it. */
  writeQuietly<T>(work: () => Accounted<T>): Promise<T>
  /** The same, quietly, before it returns; the wait for another process's lock blocks the event loop, `busySyncMaxMs` at most. */
  writeNow<T>(work: () => Accounted<T>): T
  /** Runs `work` outside of any transaction. */
  read<T>(work: () => T): Promise<T>
  /** Another process waits for the lock: leaves it free for a moment before the next transaction. */
  yieldTurn(): void
  /** The lock may have become free: ends a pause. */
  tryNow(): void
  /** Lets the writes that wait finish and closes the connection. Calling it twice is harmless. */
  close(): Promise<void>
}

export interface EngineLimits {
  /** How long a verb waits for another process's lock. */
  readonly busyRetryMaxMs: number
  readonly busySyncMaxMs: number
  /** Writes that may wait at once; another one is refused as busy. */
  readonly waitingWritesMax: number
  /** Writes that share one transaction at most: they hold up the event loop together. */
  readonly batchMax: number
}

export const engineLimits: EngineLimits = {
  busyRetryMaxMs: 5_000,
  busySyncMaxMs: 2_000,
  waitingWritesMax: 20_000,
  batchMax: 256,
}

/**
 * Pauses between tries for a lock: short, since the others hold it for a few ms, and apart by chance. They end sooner when
 * whoever has the lock tells that it is free.
 */
const busyPauseMinMs = 1
const busyPauseMaxMs = 12

const pauseMs = (tries: number): number =>
  busyPauseMinMs + Math.random() * Math.min(busyPauseMaxMs, busyPauseMinMs * 2 ** Math.min(tries, 10))

/** How long a process that was asked for a turn leaves the lock alone, unless the other is done sooner. */
const yieldMs = 3
/** Between tries that block the event loop: the lock is free for `yieldMs` once it was asked for. */
const syncPauseMs = 0.5

const sleeper = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/** Thrown through a batch whose writes must be undone together. */
const halfWritten = new Error('a verb failed after it had written')

interface Waiting {
  readonly since: number
  readonly quiet: boolean
  /** Throws `halfWritten` when it failed after a write and has no savepoint to go back to. */
  readonly run: (inSavepoint: boolean) => void
  /** Called after COMMIT with undefined, or with what made the transaction fail. */
  readonly settle: (failure: unknown) => void
}

export const createEngine = (
  client: Database,
  {
    clock,
    limits,
    onCommit,
    onBusy = () => undefined,
    onYield = () => undefined,
  }: {
    readonly clock: Clock
    readonly limits: EngineLimits
    /** After each commit that changed something of interest to listeners. */
    readonly onCommit: () => void
    /** After each try that found another process at the lock. */
    readonly onBusy?: () => void
    /** When the lock is left to the others for a moment. */
    readonly onYield?: () => void
  },
): Engine => {
  const begin = client.prepare('begin immediate')
  const commit = client.prepare('commit')
  const rollback = client.prepare('rollback')
  const savepoint = client.prepare('savepoint verb')
  const release = client.prepare('release verb')
  const undo = client.prepare('rollback to verb')
  const changes = client.prepare<[], number>('select total_changes()').pluck()

  let queue: Waiting[] = []
  let scheduled = false
  /** Set while the next try waits for it, and not for the event loop only. */
  let pause: NodeJS.Timeout | undefined
  let isAsked = false
  let busyTries = 0
  /** So many verbs at the head of the queue have been rolled back and get savepoints now. */
  let inSavepoints = 0
  let closing: Promise<void> | undefined
  let drained: (() => void) | undefined

  const closed = (): StoreError => new StoreError('closed', 'the store is closed')

  /** Runs `work` inside an open transaction. */
  const transact = (work: () => void, quiet: boolean): void => {
    const before = quiet ? undefined : changes.get()
    try {
      work()
      commit.run()
    } finally {
      if (client.inTransaction) rollback.run()
    }
    if (!quiet && changes.get() !== before) onCommit()
  }

  const schedule = (): void => {
    if (scheduled || queue.length === 0) return
    scheduled = true
    if (busyTries === 0) setImmediate(flush)
    else pause = setTimeout(flush, pauseMs(busyTries))
  }

  /** Another process holds the lock: those who have waited too long give up, the others go on waiting. */
  const waitForLock = (error: unknown): void => {
    busyTries += 1
    onBusy()
    const oldest = clock.monotonic() - limits.busyRetryMaxMs
    const [tired, patient] = [
      queue.filter((waiting) => waiting.since <= oldest),
      queue.filter((waiting) => waiting.since > oldest),
    ]
    queue = patient
    for (const { settle } of tired) settle(toStoreError(error))
  }

  const runBatch = (): void => {
    const again = inSavepoints > 0
    const batch = queue.slice(0, again ? inSavepoints : limits.batchMax)
    queue = queue.slice(batch.length)
    inSavepoints = 0
    let failure: unknown
    try {
      transact(
        () => {
          for (const { run } of batch) {
            run(again)
            if (!client.inTransaction) throw new StoreError('failed', 'the transaction was lost')
          }
        },
        batch.every(({ quiet }) => quiet),
      )
    } catch (error) {
      if (error === halfWritten && batch.length > 1) {
        queue = [...batch, ...queue]
        inSavepoints = batch.length
        return
      }
      failure = toStoreError(error)
    }
    for (const { settle } of batch) settle(failure)
  }

  function flush(): void {
    pause = undefined
    const yields = isAsked && busyTries === 0
    isAsked = false
    if (yields) {
      pause = setTimeout(flush, yieldMs)
      onYield()
      return
    }
    scheduled = false
    try {
      begin.run()
      busyTries = 0
      runBatch()
    } catch (error) {
      if (isBusy(error)) waitForLock(error)
      else {
        const refused = queue
        queue = []
        for (const { settle } of refused) settle(toStoreError(error))
      }
    }
    if (queue.length === 0) drained?.()
    schedule()
  }

  const enqueue = <T>(work: () => Accounted<T>, quiet: boolean): Promise<T> =>
    new Promise((resolve, reject) => {
      if (closing !== undefined) return reject(closed())
      if (queue.length >= limits.waitingWritesMax) {
        return reject(new StoreError('busy', `${queue.length} writes wait for the database already`))
      }
      let outcome: Accounted<T> | { readonly error: unknown } | undefined
      queue.push({
        since: clock.monotonic(),
        quiet,
        run(inSavepoint) {
          const before = changes.get()
          if (inSavepoint) savepoint.run()
          try {
            outcome = work()
            if (inSavepoint) release.run()
          } catch (error) {
            outcome = { error: toStoreError(error) }
            // A full disk can end the whole transaction, and with it the savepoint.
            if (!client.inTransaction) throw error
            if (inSavepoint) {
              undo.run()
              release.run()
            } else if (changes.get() !== before) throw halfWritten
          }
        },
        settle(failure) {
          if (outcome !== undefined && 'error' in outcome) reject(outcome.error)
          else if (failure !== undefined || outcome === undefined) reject(failure ?? closed())
          else resolve(outcome.value)
        },
      })
      schedule()
    })

  const beginNow = (): void => {
    const until = clock.monotonic() + limits.busySyncMaxMs
    for (;;) {
      try {
        begin.run()
        return
      } catch (error) {
        if (!isBusy(error) || clock.monotonic() >= until) throw error
        onBusy()
        // SQLite's own wait sleeps up to 100 ms at a time, through many moments in which the lock is free.
        Atomics.wait(sleeper, 0, 0, syncPauseMs)
      }
    }
  }

  return {
    write: (work) => enqueue(work, false),
    writeQuietly: (work) => enqueue(work, true),

    writeNow<T>(work: () => Accounted<T>): T {
      if (closing !== undefined) throw closed()
      try {
        beginNow()
        let result: Accounted<T> | undefined
        transact(() => {
          result = work()
        }, true)
        if (result === undefined) throw new StoreError('failed', 'the transaction was lost')
        return result.value
      } catch (error) {
        throw toStoreError(error)
      }
    },

    async read(work) {
      let until: number | undefined
      for (let tries = 1; ; tries++) {
        if (!client.open) throw closed()
        try {
          return work()
        } catch (error) {
          until ??= clock.monotonic() + limits.busyRetryMaxMs
          if (!isBusy(error) || clock.monotonic() >= until) throw toStoreError(error)
          await new Promise((resolve) => {
            setTimeout(resolve, pauseMs(tries))
          })
        }
      }
    },

    yieldTurn() {
      // With nothing to write there is nothing to leave.
      if (scheduled) isAsked = true
    },

    tryNow() {
      if (pause === undefined) return
      clearTimeout(pause)
      pause = undefined
      setImmediate(flush)
    },

    close() {
      closing ??= (async () => {
        if (queue.length > 0) {
          await new Promise<void>((resolve) => {
            drained = resolve
          })
        }
        client.close()
      })()
      return closing
    },
  }
}
