import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { serve } from '@hono/node-server'
import BetterSqlite from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig, settingNames } from '../../src/config.ts'
import { deviceStatuses } from '../../src/domain/device.ts'
import { reasonText } from '../../src/domain/disconnect.ts'
import { eventTypes } from '../../src/domain/event-types.ts'
import { messageStatuses } from '../../src/domain/message.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { patient } from '../control/world.ts'
import { createApi } from '../http/api.ts'
import { playDispatcher } from '../http/webhook-world.ts'
import { benchmarks } from '../bench/benchmarks.ts'
import { scenarios } from '../chaos/scenarios.ts'
import { blocks, quoted, readme, readProjectFile, section, tableRows } from './documents.ts'

const words = (cell: string | undefined): readonly string[] => quoted(cell ?? '')

test('the table of settings has every variable, and no other', () => {
  const rows = tableRows(section(readme, 'Settings'))
  expect(rows.flatMap(([name]) => words(name)).toSorted()).toEqual(settingNames.toSorted())
})

test('the defaults in the table of settings are the defaults', () => {
  const standard = readConfig({})
  for (const [name, value] of tableRows(section(readme, 'Settings'))) {
    const [variable = ''] = words(name)
    const [given] = words(value)
    if (given === undefined) expect(value, variable).toBe('none')
    else expect(readConfig({ [variable]: given }), variable).toEqual(standard)
  }
})

test('the table of the API has every route of the OpenAPI document, and no other', async () => {
  const { get } = await createApi()
  const { json } = await get('/openapi.json')
  const { paths } = json as { paths: Record<string, Record<string, unknown>> }
  const documented = Object.entries(paths).flatMap(([route, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${route}`),
  )
  const told = tableRows(section(readme, 'The API')).flatMap(([route]) => words(route))
  expect(told.toSorted()).toEqual(documented.toSorted())
})

test('the table of events has every type, and no other', () => {
  const [, text = ''] = section(readme, 'Events').split('| About')
  expect(
    tableRows(text)
      .flatMap((cells) => words(cells[1]))
      .toSorted(),
  ).toEqual([...eventTypes].toSorted())
})

test('the table of statuses has every status, and every reason that there is', () => {
  const rows = tableRows(section(readme, 'Device status'))
  expect(rows.flatMap(([status]) => words(status))).toEqual(deviceStatuses)
  const told = new Set(rows.flatMap((cells) => words(cells.at(-1))))
  // `reconnecting` stands there to say that its reasons go with `connecting` too.
  told.delete('reconnecting')
  const reasons = Object.keys(reasonText)
  expect([...told].toSorted()).toEqual(reasons.toSorted())
})

test.each([
  ['Faults', scenarios],
  ['Figures', benchmarks],
])('the table of %s has every one that there is, and no other', (heading, all) => {
  const rows = tableRows(section(readProjectFile('test/README.md'), heading))
  expect(rows.flatMap(([name]) => words(name)).toSorted()).toEqual(all.map(({ name }) => name).toSorted())
})

test('every message status is explained', () => {
  expect(words(section(readme, 'Sending'))).toEqual(expect.arrayContaining([...messageStatuses]))
})

test('the queries run on a fresh database', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-docs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'gateway.db')
  const store = await openStore({ file })
  onTestFinished(() => store.close())
  const database = new BetterSqlite(file, { readonly: true })
  onTestFinished(() => void database.close())
  const queries = [...readme.matchAll(/^sqlite3 .*"(select .*)"$/gm)].map(([, query = '']) => query)
  expect(queries.length).toBeGreaterThan(4)
  for (const query of queries) expect(database.prepare(query).all()).toEqual([])
})

test('the examples of webhooks work as they are typed', async () => {
  const api = await createApi({ waits: patient })
  playDispatcher(api).keepAnswering(204)
  const started = Promise.withResolvers<AddressInfo>()
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '127.0.0.1' }, started.resolve)
  onTestFinished(() => void server.close())
  const { port } = await started.promise
  const script = blocks(section(readme, 'Webhooks'), 'sh')
    .filter((block) => block.includes('curl'))
    .join('\n')
    .replaceAll('http://localhost:3000', `http://127.0.0.1:${port}`)
    .replaceAll('curl ', 'curl -s --fail-with-body ')
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await text(child.stdout)
  expect(said).not.toContain('/problems/')
  expect(child.exitCode ?? (await once(child, 'close'))[0]).toBe(0)
  for (const part of ['"secret":"whsec_', '"status":204', '"state":"paused"', '"missed":null', '"count":']) {
    expect(said).toContain(part)
  }
  expect(await api.store.webhooks.list()).toMatchObject([
    { state: 'active', filter: { events: ['message.*'], notChats: ['*@g.us'] } },
    { filter: { devices: ['customer2'] } },
  ])
})

test('the walk through the sandbox works as it is typed', async () => {
  const world = await World.withGateway()
  try {
    await eventually(
      'a connector runs',
      async () => (await world.api('GET', '/readyz')).body['connector'] !== null,
    )
    const typed = blocks(section(readme, 'Try it without a phone'), 'sh').find((block) =>
      block.includes('curl'),
    )
    // Its pauses are long enough for a machine that does nothing else; here they end when what they wait for is there.
    const pause = (url: string, word: string): string =>
      `for i in $(seq 150); do curl -s ${url} | grep -q '${word}' && break; sleep 0.2; done`
    const waits = ['waiting_for_scan', '"connected"', 'Hello back']
    const script = (typed ?? '')
      .replaceAll(/^sleep \d$/gm, () => {
        const word = waits.shift() ?? ''
        return pause(
          `${world.apiUrl}/api/devices/myphone/${word === 'Hello back' ? 'messages' : 'status'}`,
          word,
        )
      })
      .replaceAll('http://localhost:3000', world.apiUrl)
      .replaceAll('http://127.0.0.1:3100', world.sandboxUrl)
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
      encoding: 'utf8',
      // With a pipe of Node's, which is a socket, bash can take itself for a remote shell and read /etc/bash.bashrc.
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(waits).toEqual([])
    for (const part of ['"status":"starting"', '"status": "connected"', '"status": "sent"', '{"read":1}']) {
      expect(stdout).toContain(part)
    }
    expect((await world.phoneMessages('15550123')).map(({ text }) => text)).toContain(
      'Hello from WhatsApp API!',
    )
    expect((await world.messages('myphone')).map(({ text }) => text)).toEqual([
      'Hello back',
      'Hello from WhatsApp API!',
    ])
  } finally {
    await world.close()
  }
})
