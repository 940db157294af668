import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, test, type TestContext, vi } from 'vitest'
import type { Service } from '../../src/commands/service.ts'
import { restartWaitMs, supervise } from '../../src/commands/supervise.ts'
import type { Log } from '../../src/runtime/log.ts'

const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

interface Line {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

const record = () => {
  const errors: Line[] = []
  const quiet = (): void => undefined
  const log: Log = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (fields, message) => errors.push({ fields, message }),
    child: () => log,
  }
  return { log, errors }
}

const supervised = (
  onTestFinished: TestContext['onTestFinished'],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) => {
  const { log, errors } = record()
  const onUsageError = vi.fn<() => void>()
  const service: Service = supervise({ script: mainFile, args, env, log, onUsageError })
  onTestFinished(() => service.stop())
  return { service, errors, onUsageError }
}

const limit = { timeout: 20_000, interval: 20 }

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject()))
    })
  })

test('a child that ends now and then is wanted back at once, one that cannot live waits up to half a minute', () => {
  const waitAfter = (ends: number, everyMs: number): number =>
    restartWaitMs(
      Array.from({ length: ends }, (_, at) => at * everyMs),
      (ends - 1) * everyMs,
      () => 1,
    )
  expect(waitAfter(1, 0)).toBe(100)
  expect(waitAfter(8, 1_000)).toBe(100)
  expect([9, 10, 11, 12].map((ends) => waitAfter(ends, 1_000))).toEqual([1_000, 2_000, 4_000, 8_000])
  expect(waitAfter(40, 1_000)).toBe(30_000)
  // Ends of more than a minute ago count no more.
  expect(waitAfter(1_000, 8_000)).toBe(100)
})

describe.concurrent('a child that is supervised', () => {
  it('is started again whenever it ends, at once at first, until its supervisor is stopped', async ({
    expect,
    onTestFinished,
  }) => {
    const { service, errors } = supervised(onTestFinished, ['--version'])
    await vi.waitFor(() => expect(errors.length).toBeGreaterThanOrEqual(2), limit)
    // It waits for its third start now, and must not have it.
    await service.stop()
    expect(errors).toHaveLength(2)
    expect(errors[0]).toMatchObject({
      message: 'child process ended; it is started again',
      fields: { child: '--version', code: 0, signal: null },
    })
    const waits = errors.slice(0, 2).map(({ fields }) => Number(fields['waitMs']))
    for (const wait of waits) {
      expect(wait).toBeGreaterThanOrEqual(50)
      expect(wait).toBeLessThanOrEqual(100)
    }
  })

  it('is not started again when a setting of it is wrong', async ({ expect, onTestFinished }) => {
    const { service, errors, onUsageError } = supervised(onTestFinished, ['api'], { PORT: 'http' })
    await vi.waitFor(() => expect(onUsageError).toHaveBeenCalledTimes(1), limit)
    await service.stop()
    expect(onUsageError).toHaveBeenCalledTimes(1)
    expect(errors).toEqual([])
  })

  it('is stopped, and gone, when its supervisor is stopped', async ({ expect, onTestFinished }) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'supervised-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const port = await freePort()
    const health = `http://127.0.0.1:${port}/healthz`
    const { service, errors } = supervised(onTestFinished, ['api'], {
      PORT: String(port),
      DATA_DIR: folder,
      LOG_LEVEL: 'error',
    })
    await vi.waitFor(async () => expect((await fetch(health)).status).toBe(200), limit)
    await service.stop()
    await expect(fetch(health)).rejects.toThrow(/fetch failed/)
    expect(errors).toEqual([])
  })
})
