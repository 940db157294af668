import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.withGateway()
}, 60_000)
afterAll(() => world.close())

/** The guide's own lines, in a shell, with nothing changed but the port. */
const shell = (script: string): string => {
  const run = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, API: world.apiUrl, SANDBOX: world.sandboxUrl },
  })
  if (run.status !== 0) throw new Error(run.stderr)
  return run.stdout
}

test("the guide's complete example, curl for curl, ends on the phone of the recipient", async () => {
  await world.createPhone('15550100', 'Owner')
  await world.createPhone('1234567890', 'Customer')

  expect(shell('curl -s -X POST $API/api/devices/customer1/start')).toBe(
    '{"status":"starting","device":"customer1"}',
  )

  await world.untilStatus('customer1', 'waiting_for_scan')
  const status = JSON.parse(shell('curl -s $API/api/devices/customer1/status')) as Record<string, unknown>
  expect(Object.keys(status)).toEqual(['status', 'qrCode', 'lastUpdate'])
  expect(status['qrCode']).toMatch(/^data:image\/png;base64,/)
  expect(status['lastUpdate']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)

  expect(
    shell(
      `curl -s $API/api/devices/customer1/status | jq -r '.qrCode' | sed 's/data:image\\/png;base64,//' | base64 -d | xxd -p`,
    ),
  ).toMatch(/^89504e470d0a1a0a/)

  shell(
    `curl -s $API/api/devices/customer1/status | curl -sf -X POST $SANDBOX/phones/15550100/scan -H 'Content-Type: application/json' -d @-`,
  )
  await world.untilStatus('customer1', 'connected')
  expect(JSON.parse(shell('curl -s $API/api/devices/customer1/status'))).toMatchObject({
    status: 'connected',
    qrCode: null,
  })

  const sent = JSON.parse(
    shell(`curl -s -X POST $API/api/devices/customer1/send \\
      -H "Content-Type: application/json" \\
      -d '{
        "to": "1234567890@s.whatsapp.net",
        "message": "Hello from WhatsApp API!"
      }'`),
  ) as Record<string, unknown>
  expect(sent).toEqual({ status: 'sent', to: '1234567890@s.whatsapp.net', type: 'text', id: sent['id'] })

  const [received] = await world.phoneMessages('1234567890')
  expect(received).toMatchObject({
    text: 'Hello from WhatsApp API!',
    from: '15550100@s.whatsapp.net',
    id: sent['id'],
  })
})

test('a message from a phone is in the API and in SQLite', async () => {
  const { body } = await world.phone('POST', '/phones/1234567890/messages', {
    to: '15550100',
    text: 'Hello back',
  })
  const message = await eventually(
    'the message is in the API',
    async () =>
      (await world.messages('customer1', '&direction=inbound')).find((m) => m.whatsappId === body['id']),
    1_000,
  )
  expect(message).toMatchObject({ text: 'Hello back', direction: 'inbound' })
  expect(
    world
      .query<{ text: string }>('select text from v_messages where whatsapp_id = ?', body['id'])
      .map((row) => row.text),
  ).toEqual(['Hello back'])
})

test("the system's own sqlite3 reads every view, and believes what the API says of a device", () => {
  const sqlite = (sql: string): string => shell(`sqlite3 ${world.dataDir}/gateway.db "${sql}"`).trim()
  expect(sqlite('select status, stored_status from v_devices')).toBe('connected|connected')
  const views = sqlite("select name from sqlite_master where type = 'view'").split('\n')
  expect(views).toContain('v_messages')
  for (const view of views) expect(sqlite(`select count(*) from ${view}`)).toMatch(/^\d+$/)
})

test('the owner sees on the phone what the gateway sent, and the ticks reach the API', async () => {
  const { body } = await world.api('POST', '/api/devices/customer1/send', {
    to: '+1 234-567-890',
    message: 'Ticks',
  })
  await eventually('the copy is on the phone', async () =>
    (await world.phoneMessages('15550100')).find((m) => m.id === body['id'] && m.text === 'Ticks'),
  )
  await eventually('delivered', async () => {
    const answer = await world.api('GET', `/api/messages/${String(body['id'])}`)
    return (answer.body['status'] as unknown) === 'delivered'
  })
  await world.phone('POST', '/phones/1234567890/read', { chat: '15550100' })
  await eventually('read', async () => {
    const answer = await world.api('GET', `/api/messages/${String(body['id'])}`)
    return (answer.body['status'] as unknown) === 'read'
  })
})

test("the guide's log lines are in the log", () => {
  const lines = world.logLines.map((line) => line.msg)
  for (const line of [
    '📱 [customer1] QR Code generated successfully',
    '✅ [customer1] QR code data URL generated for frontend',
    '✅ [customer1] WhatsApp connected successfully!',
  ]) {
    expect(lines).toContain(line)
  }
})

test('a removed device is gone from the API and its messages stay readable in the database', async () => {
  const answer = await world.api('DELETE', '/api/devices/customer1')
  expect(answer.status).toBe(200)
  expect(answer.body).toEqual({
    status: 'removed',
    device: 'customer1',
    message: 'Device customer1 and all associated session files have been removed.',
  })
  expect((await world.api('GET', '/api/devices/customer1/status')).status).toBe(404)
  expect(world.query('select 1 from auth_creds union all select 1 from auth_keys')).toEqual([])
  expect(world.query('select 1 from v_messages').length).toBeGreaterThan(2)
  const accounts = (await world.phone('GET', '/accounts')).body as unknown as { companions: unknown[] }[]
  expect(accounts.flatMap((account) => account.companions)).toEqual([])
})
