/** What all parts of one simulated run share: its time, its luck, its trace, and what was found wrong. */
import type { Clock } from '../../../src/runtime/clock.ts'
import type { SeededRandom } from '../random.ts'
import { createEventLoop, type EventLoop, type Party } from './event-loop.ts'
import { createTrace, type Trace } from './trace.ts'

export interface Frame {
  readonly loop: EventLoop
  readonly random: SeededRandom
  readonly trace: Trace
  readonly violations: string[]
  /** How often each of the things happened that a run is there for. */
  readonly counts: Map<string, number>
  count(what: string, times?: number): void
  /** Something is wrong: the run ends after this turn. */
  readonly violate: (what: string) => void
  note(who: string, what: string): void
  /** True with this probability, and never once the faults have ended. */
  mishap(random: SeededRandom, probability: number): boolean
  /** No more faults from now on. */
  calm: boolean
  /** Called when the database has carried out a verb, before the process that asked for it can know. */
  ambush: ((process: Party, verb: string) => void) | undefined
  /** The machine's wall clock, ms since 1970. */
  wall(): number
  jumpWall(ms: number): void
  /** The clock of the machine, which all processes share. */
  readonly clock: Clock
  /** The database, which no process takes down with it. */
  readonly database: Party
  /** People, phones and WhatsApp's server. */
  readonly outside: Party
}

const startOfTime = Date.parse('2025-11-16T02:18:05.000Z')

export const createFrame = (random: SeededRandom): Frame => {
  const loop = createEventLoop(random.fork('turns'))
  const trace = createTrace()
  const violations: string[] = []
  const counts = new Map<string, number>()
  const monotonicZero = random.fork('machine').between(0, 100_000_000)
  let wallShift = 0
  const wall = (): number => Math.floor(startOfTime + wallShift + loop.now)
  const frame: Frame = {
    loop,
    random,
    trace,
    violations,
    counts,
    count: (what, times = 1) => counts.set(what, (counts.get(what) ?? 0) + times),
    violate(what) {
      trace.add(loop.now, 'VIOLATED', what)
      violations.push(what)
    },
    note: (who, what) => trace.add(loop.now, who, what),
    mishap: (luck, probability) => luck.next() < probability && !frame.calm,
    calm: false,
    ambush: undefined,
    wall,
    jumpWall(ms) {
      wallShift += ms
    },
    clock: { now: wall, monotonic: () => monotonicZero + loop.now },
    database: loop.party('database'),
    outside: loop.party('outside'),
  }
  return frame
}
