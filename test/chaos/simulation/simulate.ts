/** One seed: a gateway, its people, their phones and a WhatsApp, for some minutes of their time. */
import type { Clock } from '../../../src/runtime/clock.ts'
import { openStore } from '../../../src/store/sqlite/open.ts'
import { deviceLeaseName } from '../../../src/domain/lease.ts'
import { seededRandom } from '../random.ts'
import type { Store } from '../../../src/store/store.ts'
import { createFrame } from './frame.ts'
import { createGateway } from './gateway.ts'
import type { PortDefects } from './port.ts'
import { judge, unfinished, watchShown } from './judge.ts'
import { createServer } from './server.ts'
import { createTrouble } from './trouble.ts'
import { createUsers } from './users.ts'
import { createWitness } from './witness.ts'

/** What a test plants to see whether it is caught. */
export interface Defect {
  /** Between the database and all processes. */
  readonly around?: (store: Store) => Store
  readonly open?: (clock: Clock) => Promise<Store>
  readonly port?: PortDefects
  /** Each process takes all others for dead. */
  readonly allDead?: boolean
}

export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  /** The same for the same seed. */
  readonly hash: string
  readonly steps: number
  /** The last steps of the trace. */
  readonly last: readonly string[]
  readonly simulatedMs: number
  readonly counts: ReadonlyMap<string, number>
}

const busyMs = 60_000
/** Without any more faults, all must have come to rest by then. */
const restMaxMs = 15 * 60_000

export const simulate = async (seed: number, defect: Defect = {}): Promise<Outcome> => {
  const frame = createFrame(seededRandom(seed))
  const { loop } = frame
  const database = await (defect.open?.(frame.clock) ?? openStore({ file: ':memory:', clock: frame.clock }))
  const store = defect.around?.(database) ?? database
  const witness = createWitness(frame, database, (owner) => gateway.isAlive(owner))
  const server = createServer(frame, (deviceId) => witness.epochOf(deviceLeaseName(deviceId)))
  const refusals = { kind: 'full' as const, probability: 0 }
  const gateway = createGateway({
    frame,
    store,
    server,
    witness,
    refusals,
    port: defect.port ?? {},
    allDead: defect.allDead === true,
  })
  const users = createUsers({ frame, gateway, server, store: database, busyMs })
  const trouble = createTrouble({ frame, gateway, server, refusals })
  watchShown({ frame, store: database, server, users })

  const broken = (): boolean => frame.violations.length > 0
  await loop.run(broken, busyMs)
  frame.calm = true
  trouble.end()
  users.settle()
  let resting = false
  const rest = async (): Promise<void> => {
    resting = (await unfinished({ store: database, server, users })).length === 0
    if (!resting) loop.after(frame.outside, 1_000, () => void rest())
  }
  loop.after(frame.outside, 1_000, () => void rest())
  await loop.run(() => broken() || resting, busyMs + restMaxMs)
  if (!broken()) await judge({ frame, store: database, server, users, witness })
  await database.close()
  const { hash, steps } = frame.trace
  return {
    seed,
    violations: frame.violations,
    hash,
    steps,
    last: frame.trace.last(),
    simulatedMs: loop.now,
    counts: frame.counts,
  }
}
