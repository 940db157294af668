/**
 * One process that writes to a shared database, for the benchmark `contention`: with so many verbs in flight all the time,
 * or one after the other with pauses. Takes a WriterPlan as its argument and prints a WriterResult, both as JSON.
 */
import { execFile } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { newWhatsappId } from '../../src/control/whatsapp-id.ts'
import type { Origin } from '../../src/domain/audit.ts'
import { deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Store } from '../../src/store/store.ts'
import { quantile } from './measure.ts'

export interface WriterPlan {
  readonly file: string
  /** `enqueue` as the API does, `commit` ratchets as the connector does, `saveCreds` that way without yielding. */
  readonly verb: 'enqueue' | 'commit' | 'saveCreds'
  readonly inFlight: number
  /** Pause of each after a verb. */
  readonly pauseMs: number
  /** Wall clock, so that all writers of a round begin together. */
  readonly startAt: number
  readonly durationMs: number
}

export interface WriterResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** How long the event loop was held up. */
  readonly stallMaxMs: number
}

const contentionDevice = 'bench'
const leaseTtlMs = 60_000
const sessionBytes = 700
const chats = 200
const loopResolutionMs = 5

const origin: Origin = { actor: { kind: 'api' }, requestId: 'req_00000000000000000000000000' }
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const verbOf = async (
  store: Store,
  { verb }: WriterPlan,
): Promise<(turn: number) => Promise<unknown> | void> => {
  const deviceId = contentionDevice
  if (verb === 'enqueue') {
    const content = Buffer.from('A message of an ordinary length, as people write them to each other.')
    return (turn) => {
      const id = newWhatsappId()
      return store.outbox.enqueue(
        {
          message: {
            id,
            deviceId,
            whatsappId: id,
            direction: 'outbound',
            chat: { pn: `${15_550_000_000 + (turn % chats)}@s.whatsapp.net`, lid: null },
            type: 'text',
            text: content.toString(),
            whatsappAt: null,
            content,
          },
        },
        () => ({ sender: { pn: '15540000000@s.whatsapp.net', lid: null }, senderName: null }),
        origin,
        Date.now(),
      )
    }
  }
  const lease: Lease | undefined = await store.leases.claim(
    deviceLeaseName(deviceId),
    'bench',
    leaseTtlMs,
    performance.now(),
  )
  if (lease === undefined) throw new Error('no lease')
  const session = Buffer.alloc(sessionBytes)
  return verb === 'commit'
    ? (turn) =>
        store.auth.commit(
          lease,
          deviceId,
          { session: { [`peer${turn % chats}`]: session } },
          null,
          Date.now(),
        )
    : () => store.auth.saveCredsNow(lease, deviceId, session.toString('base64'), Date.now())
}

const write = async (plan: WriterPlan): Promise<WriterResult> => {
  const store = await openStore({ file: plan.file })
  const run = await verbOf(store, plan)
  await sleep(plan.startAt - Date.now())
  const loop = monitorEventLoopDelay({ resolution: loopResolutionMs })
  loop.enable()
  const until = performance.now() + plan.durationMs
  const latencies: number[] = []
  let turn = 0
  const writer = async (): Promise<void> => {
    while (performance.now() < until) {
      const at = performance.now()
      turn += 1
      await run(turn)
      latencies.push(performance.now() - at)
      if (plan.pauseMs > 0) await sleep(plan.pauseMs)
    }
  }
  await Promise.all(Array.from({ length: plan.inFlight }, writer))
  loop.disable()
  await store.close()
  return {
    perSecond: (latencies.length / plan.durationMs) * 1_000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    stallMaxMs: loop.max / 1e6,
  }
}

/** Runs a plan in a process of its own. */
export const runWriter = async (plan: WriterPlan): Promise<WriterResult> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(import.meta.url), JSON.stringify(plan)],
    { timeout: plan.durationMs + 60_000 },
  )
  return JSON.parse(stdout) as WriterResult
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await write(JSON.parse(process.argv[2] ?? '') as WriterPlan)))
}
