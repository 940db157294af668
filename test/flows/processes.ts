import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  readonly scripts: { readonly start: string }
}
/** Of `exec node FLAGS bin/gateway.js serve`: what users start, with the flags that they start it with. */
const [flags, script] = [
  manifest.scripts.start.split(' ').slice(2, -2),
  path.join(root, manifest.scripts.start.split(' ').at(-2) ?? ''),
]
/** Runs the same without the bundle: for who must know functions by the files that they stand in. */
export const sourcesEntry = path.join(root, 'src/main.ts')
const startLimitMs = 30_000
const pollMs = 20

/** Waits until `read` gives something other than undefined or false; fails with `what` after the limit. */
export const eventually = async <T>(
  what: string,
  read: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 15_000,
): Promise<T> => {
  const until = performance.now() + limitMs
  let last: unknown
  for (;;) {
    try {
      const value = await read()
      if (value !== undefined && value !== false) return value
      last = value
    } catch (error) {
      last = error
    }
    if (performance.now() >= until) {
      throw new Error(`${what}: not within ${limitMs} ms`, { cause: last })
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

/** A port of 127.0.0.1 that nobody uses now. */
export const freePort = async (): Promise<number> => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export interface LogLine {
  readonly process?: string
  readonly pid?: number
  readonly msg?: string
  readonly [field: string]: unknown
}

/** Those that run: none may outlive the process that started it. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A command of the gateway's command line as a real process, with its log. */
export class Command {
  readonly child: ChildProcess
  /** Everything that it and its children wrote, in order. */
  output = ''
  private readonly ended: Promise<unknown>

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    {
      ownGroup = false,
      entry = script,
    }: {
      readonly ownGroup?: boolean
      /** A program in place of the gateway's own. */
      readonly entry?: string
    } = {},
  ) {
    const { NODE_OPTIONS: _options, VITEST: _vitest, ...inherited } = process.env
    this.child = spawn(process.execPath, [...flags, entry, ...args], {
      env: { ...inherited, LOG_FORMAT: 'json', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: ownGroup,
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    running.add(this.child)
    this.child.once('exit', () => running.delete(this.child))
    this.ended = once(this.child, 'exit')
  }

  get lines(): LogLine[] {
    return this.output.split('\n').flatMap((line) => {
      try {
        return line.startsWith('{') ? [JSON.parse(line) as LogLine] : []
      } catch {
        return []
      }
    })
  }

  /** The newest pid that logs as `name`. */
  pidOf(name: string): number | undefined {
    return this.lines.findLast((line) => line.process === name)?.pid
  }

  async exit(limitMs = startLimitMs): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await Promise.race([
        this.ended,
        new Promise((_, reject) =>
          setTimeout(
            () => reject(new Error(`still running after ${limitMs} ms:\n${this.output}`)),
            limitMs,
          ).unref(),
        ),
      ])
    }
    return this.child.exitCode
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.kill('SIGTERM')
    await this.exit()
  }
}
