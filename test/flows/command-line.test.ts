import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readQrFromTerminal } from './qr.ts'
import { Command, eventually, freePort } from './processes.ts'
import { World } from './world.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wag-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const running: Command[] = []
afterEach(async () => {
  for (const command of running.splice(0)) await command.stop()
})
const run = (args: readonly string[], env: Record<string, string> = {}): Command => {
  const command = new Command(args, { DATA_DIR: folder, ...env })
  running.push(command)
  return command
}
const finished = async (args: readonly string[], env: Record<string, string> = {}) => {
  const command = run(args, env)
  return { code: await command.exit(), output: command.output }
}

test('--help is everywhere and ends with 0', async () => {
  for (const args of [
    ['--help'],
    ['serve', '--help'],
    ['api', '-h'],
    ['connector', '--help'],
    ['sandbox', '--help'],
    ['link', '--help'],
    ['erase', '--help'],
  ]) {
    const { code, output } = await finished(args)
    expect(code).toBe(0)
    expect(output).toContain('Usage')
  }
})

test('erase says whom it would erase, and needs --yes to do it', async () => {
  const data = { DATA_DIR: path.join(folder, 'erase') }
  expect(await finished(['erase', '+49 155 59876543'], data)).toEqual({
    code: 1,
    output: expect.stringMatching(/This erases 4915559876543@s\.whatsapp\.net from .* Add --yes/),
  })
  expect(await finished(['erase', '4915559876543', '--yes'], data)).toEqual({
    code: 1,
    output: expect.stringContaining('nothing that is kept here names this person'),
  })
  expect(await finished(['link', 'a', '--yes'], data)).toMatchObject({
    code: 2,
    output: expect.stringContaining('--yes goes with erase'),
  })
})

test('every wrong argument is named, and the process ends with 2', async () => {
  expect(await finished([])).toMatchObject({
    code: 2,
    output: expect.stringContaining('a command is missing'),
  })
  const { code, output } = await finished(['fly', '--fast', '--high'])
  expect(code).toBe(2)
  for (const word of ['fly', '--fast', '--high']) expect(output).toContain(word)
  expect(await finished(['link', 'not/an/id'])).toMatchObject({
    code: 2,
    output: expect.stringContaining('1 to 64'),
  })
  expect(await finished(['link'])).toMatchObject({ code: 2 })
})

test('every wrong setting is named, and the process ends with 2', async () => {
  const { code, output } = await finished(['serve'], {
    PORT: 'http',
    SEND_WAIT_MS: '-1',
    WHATSAPP_URL: 'wss://web.example.com/ws/chat',
    WHATSAPP_NOISE_ROOT_KEY: 'zz',
  })
  expect(code).toBe(2)
  for (const name of ['PORT', 'SEND_WAIT_MS', 'WHATSAPP_URL', 'WHATSAPP_NOISE_ROOT_KEY'])
    expect(output).toContain(name)
  expect(output).toContain('loopback')
})

test('a port in use is said in one line', async () => {
  const port = String(await freePort())
  const first = run(['api'], { PORT: port })
  await eventually('the first listens', () => first.output.includes('running on'))
  const { code, output } = await finished(['api'], { PORT: port })
  expect(code).toBe(1)
  expect(output.trim()).toMatch(/^error: port \d+ on 127\.0\.0\.1 is in use: .*PORT/)
})

test('a data folder that cannot be written is said in one line', async () => {
  const file = path.join(folder, 'a-file')
  await writeFile(file, '')
  const { code, output } = await finished(['api'], { DATA_DIR: path.join(file, 'data'), PORT: '0' })
  expect(code).toBe(1)
  expect(output).toMatch(/^error: .*a-file/)
  expect(output).not.toContain('    at ')
})

test('a database from a newer version is refused and left as it is', async () => {
  const dir = path.join(folder, 'newer')
  const first = run(['api'], { DATA_DIR: dir, PORT: '0' })
  await eventually('it has made the database', () => first.output.includes('running on'))
  await first.stop()
  const database = new BetterSqlite(path.join(dir, 'gateway.db'))
  database
    .prepare("insert into __drizzle_migrations (hash, created_at) values ('from the future', 9999999999999)")
    .run()
  database.close()
  for (const command of ['api', 'connector']) {
    const { code, output } = await finished([command], { DATA_DIR: dir, PORT: '0' })
    expect(code).toBe(1)
    expect(output).toMatch(/newer version/)
  }
})

test('the data of one WhatsApp is not used with another', async () => {
  const dir = path.join(folder, 'network')
  const first = run(['api'], { DATA_DIR: dir, PORT: '0' })
  await eventually('it has claimed the folder', () => first.output.includes('running on'))
  await first.stop()
  const { code, output } = await finished(['connector'], {
    DATA_DIR: dir,
    WHATSAPP_URL: 'ws://127.0.0.1:9/ws/chat',
  })
  expect(code).toBe(1)
  expect(output).toMatch(/real WhatsApp.*DATA_DIR/)
})

test('link draws the QR in the terminal, works without a running gateway, and ends when the device is connected', async () => {
  const world = await World.open()
  try {
    await world.createPhone('15550701')
    const link = world.run(['link', 'terminal'])
    const qr = await eventually('a QR is drawn', () => readQrFromTerminal(link.output), 30_000)
    expect((await world.phone('POST', '/phones/15550701/scan', { qr })).status).toBe(200)
    expect(await link.exit()).toBe(0)
    expect(link.output).toContain('Successfully connected to WhatsApp')
    await world.startGateway()
    await world.untilStatus('terminal', 'connected')
    const again = world.run(['link', 'terminal'])
    expect(await again.exit()).toBe(0)
  } finally {
    await world.close()
  }
})

test("sandbox --with-gateway runs both, and the gateway is the sandbox's", async () => {
  const [port, sandboxPort] = [await freePort(), await freePort()]
  const settings = {
    PORT: String(port),
    SANDBOX_PORT: String(sandboxPort),
    DATA_DIR: path.join(folder, 'both'),
  }
  const both = new Command(['sandbox', '--with-gateway'], settings, { ownGroup: true })
  running.push(both)
  await eventually('the gateway runs', () => both.output.includes('running on'), 30_000)
  await fetch(`http://127.0.0.1:${port}/api/devices/a/start`, { method: 'POST' })
  await eventually('a QR is there', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/devices/a/status`)
    return ((await response.json()) as { status: string }).status === 'waiting_for_scan'
  })
  // As a terminal does on Ctrl-C: to all of the group at once.
  process.kill(-(both.child.pid ?? 0), 'SIGINT')
  expect(await both.exit()).toBe(0)
  expect(both.output).not.toContain('did not stop cleanly')
  const left = await readdir(path.join(folder, 'both'))
  expect(left.toSorted()).toEqual(['gateway.db', 'media'])
})
