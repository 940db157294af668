/**
 * Loaded into a process by `--import`: on SIGUSR2 it collects garbage and prints a line with the bytes that are left, as
 * the log does. The process itself knows nothing of it.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  // What a first pass frees by finalizers is collected by the next.
  for (let pass = 0; pass < 3; pass += 1) collect()
  const { heapUsed } = process.memoryUsage()
  process.stdout.write(`${JSON.stringify({ process: 'heap', pid: process.pid, heapUsed })}\n`)
})
