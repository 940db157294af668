/**
 * An event loop in simulated time. Timers that simulated code sets come here instead of the machine's, each belongs to
 * the process that set it, and a process can be stopped between any two of its turns for a while or for ever. Who is
 * next among those that are due is decided by the seed, so that a seed is one run, step for step.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { SeededRandom } from '../random.ts'

/** Something that has turns of its own: a process of the gateway, the server, the database, the people. */
export interface Party {
  readonly name: string
  state: 'running' | 'paused' | 'dead'
  /** Turns that came due in a pause. */
  readonly held: Turn[]
}

/** A turn to come; also what `setTimeout` gives. */
interface Turn {
  at: number
  readonly tie: number
  readonly owner: Party
  readonly run: () => void
  cancelled: boolean
  ref(): Turn
  unref(): Turn
}

export interface EventLoop {
  /** Simulated ms since the start; never jumps. */
  readonly now: number
  party(name: string): Party
  /** Runs `work` as a turn of `owner` after `ms`. */
  after(owner: Party, ms: number, work: () => void): void
  /** Runs `work` now, for `owner`: the timers that it sets are the owner's. */
  as<T>(owner: Party, work: () => T): T
  kill(party: Party): void
  pause(party: Party): void
  resume(party: Party): void
  /** Takes turns until `done` or until the time is up; false when it was. */
  run(done: () => boolean, untilMs: number): Promise<boolean>
}

const real = { setTimeout, clearTimeout, setImmediate, clearImmediate }
const owners = new AsyncLocalStorage<{ readonly loop: InnerLoop; readonly owner: Party }>()

interface InnerLoop extends EventLoop {
  readonly set: (owner: Party, ms: number, run: () => void) => Turn
}

/** What waited in a pause comes in its order. */
const keepsOrderMs = 0.001

/** All promises that can settle have settled: they are settled before the machine's own loop goes round. */
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    real.setImmediate(resolve)
  })

const isTurn = (handle: unknown): handle is Turn =>
  typeof handle === 'object' && handle !== null && 'tie' in handle && 'cancelled' in handle

type Callback = (...given: unknown[]) => void

/** Puts simulated timers before the machine's; undo with the result. */
const takeTimers = (): (() => void) => {
  const clear =
    (instead: (handle: never) => void) =>
    (handle: unknown): void => {
      if (isTurn(handle)) handle.cancelled = true
      else instead(handle as never)
    }
  const set =
    (instead: Callback, msAt: number | null) =>
    (run: Callback, ...given: unknown[]): unknown => {
      const within = owners.getStore()
      if (within === undefined) return Reflect.apply(instead, undefined, [run, ...given])
      const ms = msAt === null ? 0 : Math.max(1, Number(given[msAt]) || 0)
      const rest = given.slice(msAt === null ? 0 : 1)
      return within.loop.set(within.owner, ms, () => run(...rest))
    }
  Object.assign(globalThis, {
    setTimeout: set(real.setTimeout as Callback, 0),
    setImmediate: set(real.setImmediate as Callback, null),
    clearTimeout: clear(real.clearTimeout),
    clearImmediate: clear(real.clearImmediate),
  })
  return () => {
    Object.assign(globalThis, real)
  }
}

/** Where a turn belongs in `turns`, of which the last is the next. */
const placeOf = (turns: readonly Turn[], { at, tie }: Turn): number => {
  let low = 0
  let high = turns.length
  while (low < high) {
    const middle = (low + high) >> 1
    const turn = turns[middle]
    if (turn !== undefined && (turn.at > at || (turn.at === at && turn.tie > tie))) low = middle + 1
    else high = middle
  }
  return low
}

export const createEventLoop = (random: SeededRandom): EventLoop => {
  const turns: Turn[] = []
  let now = 0

  const add = (turn: Turn): void => {
    turns.splice(placeOf(turns, turn), 0, turn)
  }
  const set = (owner: Party, ms: number, run: () => void): Turn => {
    const turn: Turn = {
      at: now + ms,
      tie: random.next(),
      owner,
      run,
      cancelled: false,
      ref: () => turn,
      unref: () => turn,
    }
    add(turn)
    return turn
  }
  const as = <T>(owner: Party, work: () => T): T => owners.run({ loop, owner }, work)

  const loop: InnerLoop = {
    get now() {
      return now
    },
    set,
    party: (name) => ({ name, state: 'running', held: [] }),
    after: (owner, ms, work) => {
      set(owner, ms, work)
    },
    as,
    kill(party) {
      party.state = 'dead'
      party.held.length = 0
    },
    pause(party) {
      if (party.state === 'running') party.state = 'paused'
    },
    resume(party) {
      if (party.state !== 'paused') return
      party.state = 'running'
      for (const [place, turn] of party.held.splice(0).entries()) {
        turn.at = now + place * keepsOrderMs
        add(turn)
      }
    },
    async run(done, untilMs) {
      const giveBack = takeTimers()
      try {
        await settled()
        for (;;) {
          if (done()) return true
          const turn = turns.pop()
          if (turn === undefined || turn.at > untilMs) {
            if (turn !== undefined) add(turn)
            return false
          }
          if (turn.cancelled || turn.owner.state === 'dead') continue
          now = Math.max(now, turn.at)
          if (turn.owner.state === 'paused') turn.owner.held.push(turn)
          else {
            as(turn.owner, turn.run)
            await settled()
          }
        }
      } finally {
        giveBack()
      }
    },
  }
  return loop
}
