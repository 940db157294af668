/** What is claimed for one endpoint and not settled yet. */
import { attemptsAtATime, type Endpoint, probingFromFailures, probingFromMs } from '../domain/webhook.ts'
import { createTurns, type Turn, type Turns } from '../runtime/turns.ts'

/** While an endpoint is well, so many times as many are claimed as are tried at a time: the next one is at hand. */
const aheadParts = 8
/** Claimed for one endpoint, whatever its concurrency. */
export const laneMax = 128

export interface Lane {
  readonly size: number
  /** How many more may be claimed for the endpoint as it is now. */
  room(endpoint: Endpoint): number
  add(work: Promise<void>): void
  /**
   * Waits until it may be tried. Undefined when it may not: the signal came, or the endpoint turned out to be away since it was
   * claimed.
   */
  enter(endpoint: Endpoint, signal: AbortSignal): Promise<Turn | undefined>
  /** What an attempt has come to; `now` is monotonic ms. */
  tried(isWell: boolean, now: number): void
  all(): readonly Promise<void>[]
}

export const createLane = (onEmpty: () => void): Lane => {
  const all = new Set<Promise<void>>()
  let turns: { readonly concurrency: number; readonly of: Turns } | undefined
  let failures = 0
  let failingSince = 0
  /** How often it has turned out to be away. */
  let absences = 0

  const turnsOf = ({ concurrency }: Endpoint): Turns => {
    if (turns?.concurrency !== concurrency) turns = { concurrency, of: createTurns(concurrency) }
    return turns.of
  }

  return {
    get size() {
      return all.size
    },
    room(endpoint) {
      const atATime = attemptsAtATime(endpoint)
      const most = endpoint.failures === 0 ? atATime * aheadParts : atATime
      return Math.max(0, Math.min(most, laneMax) - all.size)
    },
    add(work) {
      const ended = work.finally(() => {
        all.delete(ended)
        if (all.size === 0) onEmpty()
      })
      all.add(ended)
    },
    enter(endpoint, signal) {
      const since = absences
      return new Promise((resolve) => {
        const leave = (): void => {
          turn.end()
          resolve(undefined)
        }
        signal.addEventListener('abort', leave, { once: true })
        const turn = turnsOf(endpoint).take(() =>
          // After `take` has returned.
          queueMicrotask(() => {
            signal.removeEventListener('abort', leave)
            if (signal.aborted || absences !== since) leave()
            else resolve(turn)
          }),
        )
      })
    },
    tried(isWell, now) {
      failures = isWell ? 0 : failures + 1
      if (failures <= 1) failingSince = now
      if (failures < probingFromFailures || now - failingSince < probingFromMs) return
      failures = 0
      absences += 1
    },
    all: () => [...all],
  }
}
