import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { environment } from '../config.ts'
import { backoffMs } from '../domain/backoff.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import type { Service } from './service.ts'

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url))

/** A child that ran for so long has recovered: the next failure is the first again. */
const healthyMs = 60_000
const backoff = { baseMs: 500, maxMs: 30_000 }
const stopMs = 8_000

export interface SuperviseOptions {
  /** A command of the gateway's own command line. */
  readonly args: readonly string[]
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>
  readonly log: Log
  /** The child ended with code 2: a setting is wrong, and another start would not mend it. */
  readonly onUsageError: () => void
}

/** Runs a command of ours as a child process and starts it again, with a backoff, whenever it ends. */
export const supervise = ({ args, env, log, onUsageError }: SuperviseOptions): Service => {
  const name = args[0] ?? 'child'
  const stopping = new AbortController()
  let child: ChildProcess | undefined

  const run = async (): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const startedAt = performance.now()
      // The channel tells the child when this process dies, however it dies: then the child stops too.
      child = spawn(process.execPath, [...process.execArgv, mainFile, ...args], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...environment(), ...env },
      })
      log.info({ child: name, childPid: child.pid }, 'child process started')
      const [code, signal]: unknown[] = await once(child, 'exit').catch((error: unknown) => [
        null,
        String(error),
      ])
      child = undefined
      if (stopping.signal.aborted) return
      if (code === 2) return onUsageError()
      failures = performance.now() - startedAt >= healthyMs ? 1 : failures + 1
      const waitMs = backoffMs(failures, backoff, Math.random)
      log.error({ child: name, code, signal, waitMs }, 'child process ended; it is started again')
      await sleep(waitMs, stopping.signal)
    }
  }
  const ended = run()

  return {
    async stop() {
      stopping.abort()
      const running = child
      running?.kill('SIGTERM')
      const killer = setTimeout(() => running?.kill('SIGKILL'), stopMs)
      await ended
      clearTimeout(killer)
    },
  }
}
