import { execFile, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const logFile = fileURLToPath(new URL('../src/log.ts', import.meta.url))

/** What a process writes that logs so. */
const written = async (statements: string, format: 'json' | 'pretty' = 'json'): Promise<string> => {
  const script = `
    import { createLog } from ${JSON.stringify(logFile)}
    const log = createLog({ level: 'info', format: '${format}', name: 'test' })
    ${statements}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return stdout
}

const secrets = `{
  qr: 's3cret', qrCode: 's3cret', text: 's3cret', pairingCode: 's3cret', creds: { noiseKey: 's3cret' },
  key: 's3cret', privateKey: Buffer.from('s3cret'), advSecretKey: 's3cret', authorization: 's3cret',
}`

test.each([
  ['as fields', `log.info(${secrets}, 'line')`],
  ['in an object', `log.info({ message: ${secrets} }, 'line')`],
  ['on an error', `log.error({ err: Object.assign(new Error('broken'), ${secrets}) }, 'line')`],
  ['as fields of a child', `log.child(${secrets}).warn({}, 'line')`],
])('secrets %s are not written', async (_, statement) => {
  const output = await written(statement)
  const line = JSON.parse(output) as Record<string, unknown>
  expect(line).toMatchObject({ process: 'test', msg: 'line' })
  expect(output.match(/\[redacted\]/g)).toHaveLength(9)
  expect(output).not.toContain('s3cret')
  expect(output).not.toContain('"data":[115,')
})

test('all else is written as it is, in lines for people too', async () => {
  const statement = `log.info({ device: 'a', left: 3, lease: { owner: 'c1' }, err: new Error('broken') }, 'line')`
  expect(JSON.parse(await written(statement))).toMatchObject({
    level: 30,
    device: 'a',
    left: 3,
    lease: { owner: 'c1' },
    err: { type: 'Error', message: 'broken', stack: expect.stringContaining('Error: broken') },
  })
  expect(await written(`log.warn({ text: 's3cret', left: 3 }, 'line')`, 'pretty')).toMatch(
    /WARN.*line.*"text":"\[redacted\]".*"left":3/,
  )
})

test.skipIf(!existsSync('/dev/full')).each(['json', 'pretty'] as const)(
  'a log in %s whose disk is full loses lines, and nothing else',
  (format) => {
    const full = openSync('/dev/full', 'w')
    const script = `
      import { createLog } from ${JSON.stringify(logFile)}
      const log = createLog({ level: 'info', format: '${format}', name: 'test' })
      for (let line = 0; line < 100; line++) log.info({ line }, 'line')
      setImmediate(() => {
        log.info({}, 'another')
        console.error('alive')
      })`
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'alive\n' })
  },
)

test('a reader that is slow gets every line', async () => {
  const output = await written(`
    const wide = 'x'.repeat(3_000)
    for (let line = 0; line < 200; line++) log.info({ line, wide }, 'line')`)
  const lines = output.trim().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual(
    Array.from({ length: 200 }, (_, line) => line),
  )
})

test('a line that tells of trouble is written at once, with all before it, though the process is killed', async () => {
  const killed = `process.kill(process.pid, 'SIGKILL')`
  const output = await written(`log.info({}, 'first'); log.error({}, 'last'); ${killed}`).catch(
    ({ stdout }) => stdout,
  )
  expect(output).toMatch(/"first".*\n.*"last".*\n$/)
})

test('an ordinary line is written within its turn of the event loop', async () => {
  const killed = `setImmediate(() => process.kill(process.pid, 'SIGKILL'))`
  expect(await written(`log.info({}, 'first'); ${killed}`).catch(({ stdout }) => stdout)).toMatch(
    /"first".*\n$/,
  )
})

test('lines of one turn are one write, of 64 KiB or a little more at most', async () => {
  const trace = `
    const fs = (await import('node:fs')).default
    const sizes = []
    const real = fs.writeSync
    fs.writeSync = (fd, bytes) => { if (fd === 1) sizes.push(bytes.length); return real(fd, bytes) }
    ;(await import('node:module')).syncBuiltinESMExports()`
  const output = await written(`${trace}
    for (let line = 0; line < 3; line++) log.info({ line }, 'line')
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (let line = 0; line < 200; line++) log.info({ line, wide: 'x'.repeat(1_000) }, 'line')
    await new Promise((resolve) => setTimeout(resolve, 5))
    log.info({ sizes }, 'sizes')`)
  const [last] = output.trim().split('\n').slice(-1)
  const { sizes } = JSON.parse(last ?? '') as { sizes: number[] }
  expect(sizes.length).toBe(5)
  expect(Math.max(...sizes)).toBeLessThan(66 * 1024)
})

test('the last line before the end of a process is written', async () => {
  expect(
    await written(`log.info({}, 'first'); log.error({}, 'last'); process.exit(3)`).catch(
      ({ stdout }) => stdout,
    ),
  ).toMatch(/"first".*\n.*"last".*\n$/)
})
