import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { getCompileCacheDir } from 'node:module'
import { environment } from '../config.ts'
import { backoffMs, type Random } from '../domain/backoff.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Log } from '../runtime/log.ts'
import type { Service } from './service.ts'

/**
 * So many ends in a minute are taken for accidents, and the child is wanted back at once; more are a child that cannot
 * live, and must not log in at WhatsApp over and over.
 */
const promptRestarts = 8
const windowMs = 60_000
const promptWait = { baseMs: 100, maxMs: 100 }
const backoff = { baseMs: 1_000, maxMs: 30_000 }
const stopMs = 8_000

/** How long to wait after the newest of these ends, in ms of the monotonic clock, before another start. */
export const restartWaitMs = (endsAt: readonly number[], now: number, random: Random): number => {
  const recent = endsAt.filter((at) => now - at < windowMs).length
  return recent <= promptRestarts
    ? backoffMs(1, promptWait, random)
    : backoffMs(recent - promptRestarts, backoff, random)
}

/** By the environment it serves the child's first modules too, which load before any of ours could turn it on. */
const compileCache = (): Record<string, string> => {
  const dir = getCompileCacheDir()
  return dir === undefined ? {} : { NODE_COMPILE_CACHE: dir }
}

export interface SuperviseOptions {
  /** What runs the command line; without it what this process was started with, be it the sources or a bundle. */
  readonly script?: string
  /** A command of the gateway's own command line. */
  readonly args: readonly string[]
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>
  readonly log: Log
  /** The child ended with code 2: a setting is wrong, and another start would not mend it. */
  readonly onUsageError: () => void
}

/** Runs a command of ours as a child process and starts it again, with a backoff, whenever it ends. */
export const supervise = (options: SuperviseOptions): Service => {
  const { script = process.argv[1] ?? '', args, env, log, onUsageError } = options
  const name = args[0] ?? 'child'
  const stopping = new AbortController()
  let child: ChildProcess | undefined

  const run = async (): Promise<void> => {
    let endsAt: readonly number[] = []
    while (!stopping.signal.aborted) {
      // The channel tells the child when this process dies, however it dies: then the child stops too.
      child = spawn(process.execPath, [...process.execArgv, script, ...args], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...environment(), ...compileCache(), ...env },
      })
      log.info({ child: name, childPid: child.pid }, 'child process started')
      const [code, signal]: unknown[] = await once(child, 'exit').catch((error: unknown) => [
        null,
        String(error),
      ])
      child = undefined
      if (stopping.signal.aborted) return
      if (code === 2) return onUsageError()
      const now = performance.now()
      endsAt = [...endsAt.filter((at) => now - at < windowMs), now]
      const waitMs = restartWaitMs(endsAt, now, Math.random)
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
