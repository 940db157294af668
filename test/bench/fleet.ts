/** What the benchmarks of many idle devices share. */
import { fileURLToPath } from 'node:url'
import { eventually } from '../flows/processes.ts'
import type { World } from '../flows/world.ts'

const connectLimitMs = 240_000
const heapLimitMs = 20_000
const bytesPerMb = 1024 * 1024

/** For the environment of a gateway whose heap is to be measured. */
export const heapSignal = {
  NODE_OPTIONS: `--import=${fileURLToPath(new URL('heap-signal.ts', import.meta.url))}`,
}

/** Waits until so many devices have become connected after `since` (wall-clock ms). */
export const untilConnected = (world: World, count: number, since: number): Promise<unknown> =>
  eventually(
    `${count} devices are connected`,
    () => {
      const [row] = world.query<{ readonly online: number }>(
        `select count(*) as online from devices where status = 'connected' and status_at >= ?`,
        since,
      )
      return (row?.online ?? 0) >= count
    },
    connectLimitMs,
  )

export const connectorOf = (world: World): Promise<number> =>
  eventually('a connector', () => {
    const pid = world.gateway.lines.findLast(({ child }) => child === 'connector')?.['childPid']
    return typeof pid === 'number' ? pid : undefined
  })

/** Stops the gateway and starts it again; resolves with the ms from the start until `count` devices are connected. */
export const restart = async (
  world: World,
  count: number,
  env: Readonly<Record<string, string>> = {},
): Promise<number> => {
  await world.gateway.stop()
  const since = Date.now()
  const at = performance.now()
  await world.startGateway(['serve'], env)
  await untilConnected(world, count, since)
  return performance.now() - at
}

/** MB that are left in the heap of a process that was started with `heapSignal`. */
export const heapMb = async (world: World, pid: number): Promise<number> => {
  const told = (): number[] =>
    world.gateway.lines.flatMap(({ process: name, pid: of, heapUsed }) =>
      name === 'heap' && of === pid && typeof heapUsed === 'number' ? [heapUsed] : [],
    )
  const before = told().length
  process.kill(pid, 'SIGUSR2')
  return eventually(
    'the heap is measured',
    () => {
      const [bytes] = told().slice(before)
      return bytes === undefined ? undefined : bytes / bytesPerMb
    },
    heapLimitMs,
  )
}
