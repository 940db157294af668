import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World } from './world.ts'

let world: World
let gateway: Command
const number = '15550501'
const friend = '15550599'
beforeAll(async () => {
  world = await World.open()
  gateway = await world.startGateway()
  await world.createPhone(friend)
  await world.link('dev', number)
}, 90_000)
afterAll(() => closePromised(world))

const connectorPid = (): Promise<number> => eventually('a connector runs', () => gateway.pidOf('connector'))
const killConnector = async (): Promise<void> => {
  process.kill(await connectorPid(), 'SIGKILL')
}
const send = async (message: string): Promise<string> => {
  const { status, body } = await world.api(
    'POST',
    '/api/devices/dev/send',
    { to: friend, message },
    { Prefer: 'respond-async' },
  )
  expect(status).toBe(202)
  return String(body['id'])
}
const texts = async (): Promise<string[]> => (await world.phoneMessages(friend)).map((m) => m.text)
const inbound = async (): Promise<(string | null)[]> =>
  (await world.messages('dev', '&direction=inbound')).map((m) => m.text)
const phoneSends = (text: string) => world.phone('POST', `/phones/${friend}/messages`, { to: number, text })
const scans = async (): Promise<number> =>
  (await world.history('dev')).filter((row) => row.status === 'waiting_for_scan').length

test('after kill -9 of the connector the API answers, says the truth, and the device comes back without a scan', async () => {
  await killConnector()
  const shown = await world.status('dev')
  expect(['connected', 'reconnecting']).toContain(shown.status)
  const id = await send('sent while the connector was dead')
  await phoneSends('written while the connector was dead')
  await eventually('connected again', async () => {
    const rows = await world.history('dev')
    return rows.at(-1)?.status === 'connected' && rows.length > 5
  })
  await eventually('the queued message arrives', async () =>
    (await texts()).includes('sent while the connector was dead'),
  )
  await eventually('the inbound message is stored', async () =>
    (await inbound()).includes('written while the connector was dead'),
  )
  expect((await texts()).filter((text) => text === 'sent while the connector was dead')).toHaveLength(1)
  expect((await inbound()).filter((text) => text === 'written while the connector was dead')).toHaveLength(1)
  const { body } = await world.api('GET', `/api/messages/${id}`)
  expect(['sent', 'delivered', 'read']).toContain(body['status'])
  expect(await scans()).toBe(1)
})

test('kill -9 of the API takes the connector along, and a new start brings everything back', async () => {
  const connector = await connectorPid()
  gateway.kill('SIGKILL')
  await gateway.exit()
  await eventually('the orphaned connector has ended', () => {
    try {
      process.kill(connector, 0)
      return false
    } catch {
      return true
    }
  })
  await phoneSends('written while all was dead')
  gateway = await world.startGateway()
  await world.untilStatus('dev', 'connected')
  await eventually('the inbound message is stored', async () =>
    (await inbound()).includes('written while all was dead'),
  )
  expect(await scans()).toBe(1)
})

test('kill -9 of both in the middle of traffic loses nothing and doubles nothing', async () => {
  const out: string[] = []
  const into: string[] = []
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 15; index += 1) {
      const text = `out ${round}.${index}`
      await send(text)
      out.push(text)
      const back = `in ${round}.${index}`
      await phoneSends(back)
      into.push(back)
      if (index === 7 + round) {
        await killConnector()
        gateway.kill('SIGKILL')
        await gateway.exit()
        gateway = await world.startGateway()
      }
    }
    await world.untilStatus('dev', 'connected')
  }
  await eventually(
    'all have arrived',
    async () => {
      const arrived = await texts()
      return out.every((text) => arrived.includes(text))
    },
    60_000,
  )
  await eventually('all are stored', async () => {
    const stored = world
      .query<{ text: string }>("select text from v_messages where direction = 'inbound'")
      .map((row) => row.text)
    return into.every((text) => stored.includes(text))
  })
  const arrived = (await texts()).filter((text) => text.startsWith('out '))
  expect(arrived).toHaveLength(out.length)
  expect(arrived, 'the order of acceptance').toEqual(out)
  const stored = world.query<{ text: string }>(
    "select text from v_messages where direction = 'inbound' and text like 'in %'",
  )
  expect(stored).toHaveLength(into.length)
  expect((await world.stats())['undecryptable']).toBe(0)
  expect(world.query("select 1 from v_messages where type = 'undecryptable'")).toEqual([])
  expect(world.query<{ integrity_check: string }>('pragma integrity_check')[0]?.integrity_check).toBe('ok')
}, 120_000)

test('SIGTERM ends both processes cleanly, in bounded time, and logs nobody out', async () => {
  const connector = await connectorPid()
  const at = performance.now()
  gateway.kill('SIGTERM')
  expect(await gateway.exit()).toBe(0)
  expect(performance.now() - at).toBeLessThan(12_000)
  expect(() => process.kill(connector, 0)).toThrow()
  expect(world.query('select owner from leases where owner is not null')).toEqual([])
  gateway = await world.startGateway()
  await world.untilStatus('dev', 'connected')
  expect(await scans()).toBe(1)
})

test('a device that is deleted while the connector is away is unlinked and wiped when one comes back', async () => {
  const pairings = (await world.stats())['pairings'] ?? 0
  await world.link('gone', '15550511')
  await gateway.stop()
  const api = await world.startGateway(['api'])
  const answer = await world.api('DELETE', '/api/devices/gone')
  expect(answer).toMatchObject({ status: 200, body: { status: 'removed' } })
  expect((await world.api('GET', '/api/devices/gone/status')).status).toBe(404)
  expect(world.query("select 1 from auth_creds where device_id = 'gone'")).toHaveLength(1)
  await api.stop()
  gateway = await world.startGateway()
  await eventually('unlinked at WhatsApp', async () => {
    const { body } = await world.phone('GET', '/phones/15550511')
    return (body['companions'] as unknown as unknown[]).length === 0
  })
  await eventually(
    'wiped',
    () => world.query("select 1 from auth_creds where device_id = 'gone'").length === 0,
  )
  expect((await world.stats())['pairings']).toBe(pairings + 1)
  await world.untilStatus('dev', 'connected')
})

test('while no connector runs a linked device is shown as reconnecting, never as connected', async () => {
  await gateway.stop()
  gateway = await world.startGateway(['api'])
  expect((await world.status('dev')).status).toBe('reconnecting')
  const { status, body } = await world.api('GET', '/readyz')
  expect(status, JSON.stringify(body)).toBe(200)
})
