/** The audit trail of a real data folder: two processes write it, the real command verifies it beside them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Command, eventually } from './processes.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { origin } from '../store/conformance/fixtures.ts'
import { start } from '../../src/domain/device.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wag-audit-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const writer = path.join(import.meta.dirname, '../store/audit-writer.ts')
const entriesEach = 300
const file = (): string => path.join(folder, 'gateway.db')

const run = (args: readonly string[], entry?: string): Command => {
  const command = new Command(args, { DATA_DIR: folder }, entry === undefined ? {} : { entry })
  onTestFinished(() => command.stop())
  return command
}
const finished = async (...args: readonly string[]) => {
  const command = run(args)
  return { code: await command.exit(), output: command.output }
}
const sql = (source: string): void => {
  const client = new BetterSqlite(file())
  client.exec(source)
  client.close()
}

test('two processes that write at once keep one chain, which is verified beside them', async () => {
  const store = await openStore({ file: file() })
  await store.devices.decide('a', (before) => start(before, 'a', origin, 1))
  const writers = ['one', 'two'].map((name) => run([file(), name, String(entriesEach)], writer))
  await eventually('both write', async () => (await store.audit.latest()) > entriesEach / 2)
  expect(await finished('audit', 'verify')).toMatchObject({ code: 0 })
  for (const one of writers) expect(await one.exit(), one.output).toBe(0)
  const { code, output } = await finished('audit', 'verify', '--json')
  expect(code, output).toBe(0)
  expect(JSON.parse(output)).toMatchObject({ entries: 2 * entriesEach + 1, unchained: 0, broken: null })
  const requests = (await store.audit.after(1, 2 * entriesEach)).map(({ origin }) => origin.requestId)
  const turns = requests.filter((request, at) => request !== requests[at - 1]).length
  expect(turns, 'they took turns').toBeGreaterThan(2)
  await store.close()
})

test('who tampers with it is found, and a line of the log shows what was cut off', async () => {
  const { output } = await finished('audit', 'verify')
  const [, head = ''] = /head +(\d+:[0-9a-f]{64})/.exec(output) ?? []
  expect(await finished('audit', 'verify', '--checkpoint', head)).toMatchObject({ code: 0 })
  const exported = await finished('audit', 'export')
  const lines = exported.output.trimEnd().split('\n')
  expect(lines).toHaveLength(2 * entriesEach + 1)
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ seq: 2 * entriesEach + 1, hash: head.split(':')[1] })

  const last = 2 * entriesEach + 1
  sql(
    `delete from audit_entries where seq = ${last}; update sqlite_sequence set seq = ${last - 1} where name = 'audit_entries'`,
  )
  expect(await finished('audit', 'verify')).toMatchObject({ code: 0 })
  const cut = await finished('audit', 'verify', '--checkpoint', head)
  expect(cut.code).toBe(1)
  expect(cut.output).toContain(`broken at entry ${last}, shorter_than_checkpoint`)

  sql(`update audit_entries set actor_kind = 'cli' where seq = 17`)
  const changed = await finished('audit', 'verify')
  expect(changed.code).toBe(1)
  expect(changed.output).toMatch(/broken at entry 17 \(aud_[0-9a-z]+\), content_changed/)
  const { output: json, code } = await finished('audit', 'verify', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(json)).toMatchObject({ broken: { seq: 17, kind: 'content_changed' } })
})

test('what the command cannot do is told', async () => {
  expect(await finished('audit')).toMatchObject({ code: 2 })
  expect(await finished('audit', 'export', '--json')).toMatchObject({
    code: 2,
    output: expect.stringContaining('--json goes with audit verify') as string,
  })
  expect(await finished('audit', 'verify', '--checkpoint', '7')).toMatchObject({
    code: 2,
    output: expect.stringContaining('SEQ:HASH') as string,
  })
  const nowhere = new Command(['audit', 'verify'], { DATA_DIR: path.join(folder, 'nowhere') })
  expect(await nowhere.exit()).toBe(1)
  expect(nowhere.output).toContain('set DATA_DIR')
})
