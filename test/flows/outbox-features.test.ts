import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type MessageBody, World } from './world.ts'

let world: World
const number = '15550801'
const [friend, stranger, other] = ['15550802', '15550803', '15550804']

beforeAll(async () => {
  world = await World.withGateway()
  for (const one of [friend, stranger, other]) await world.createPhone(one)
  await world.link('dev', number)
}, 90_000)
afterAll(() => closePromised(world))

interface Planned extends MessageBody {
  readonly plan: {
    readonly waiting: { readonly reason: string; readonly until: string | null } | null
  } | null
}

const post = async (to: string, text: string, more: Record<string, unknown> = {}): Promise<string> => {
  const { status, body } = await world.api(
    'POST',
    '/api/devices/dev/messages',
    { to, type: 'text', text, ...more },
    { Prefer: 'respond-async' },
  )
  expect({ status, body }).toMatchObject({ status: 202 })
  return String(body['id'])
}
const read = async (id: string): Promise<Planned> =>
  (await world.api('GET', `/api/messages/${id}`)).body as unknown as Planned
const texts = async (phone: string): Promise<string[]> =>
  (await world.phoneMessages(phone)).map((m) => m.text)
const arrives = (phone: string, text: string) =>
  eventually(`${text} arrives`, async () => (await texts(phone)).includes(text), 30_000)

test('a scheduled message outlives kill -9 of both processes, and leaves once, at its time', async () => {
  const sendAt = Date.now() + 8_000
  const id = await post(friend, 'scheduled', { sendAt: new Date(sendAt).toISOString() })
  await post(friend, 'not scheduled')
  await arrives(friend, 'not scheduled')
  const connector = await eventually('a connector runs', () => world.gateway.pidOf('connector'))
  process.kill(connector, 'SIGKILL')
  world.gateway.kill('SIGKILL')
  await world.gateway.exit()
  await world.startGateway()
  expect(await read(id)).toMatchObject({ status: 'queued', plan: { waiting: { reason: 'send_at' } } })
  await arrives(friend, 'scheduled')
  expect(Date.now()).toBeGreaterThanOrEqual(sendAt)
  expect((await texts(friend)).filter((text) => text === 'scheduled')).toHaveLength(1)
})

test('a message whose time runs out while its device is stopped fails as expired, and is never sent', async () => {
  await world.api('POST', '/api/devices/dev/stop')
  await world.untilStatus('dev', 'disconnected')
  const id = await post(friend, 'too late', { expiresAt: new Date(Date.now() + 1_000).toISOString() })
  await eventually('it expires', async () => (await read(id)).status === 'failed')
  expect(await read(id)).toMatchObject({ attempts: 0, error: { code: 'expired' } })
  await world.api('POST', '/api/devices/dev/start')
  await world.untilStatus('dev', 'connected')
  await post(friend, 'in time', { expiresAt: new Date(Date.now() + 60_000).toISOString() })
  await arrives(friend, 'in time')
  expect(await texts(friend)).not.toContain('too late')
})

test('the phone sees that somebody types before the message comes', async () => {
  await post(friend, 'typed', { simulateTyping: 500 })
  await arrives(friend, 'typed')
  const { body } = await world.phone('GET', `/phones/${friend}/typing`)
  const seen = (body as unknown as { state: string; from: string }[]).map(({ state }) => state)
  expect(seen).toEqual(['composing', 'paused'])
})

test('while the account is restricted new chats wait with a reason, known ones go on, and nothing is lost', async () => {
  await world.fault('restrict', { device: number, seconds: 600 })
  await eventually(
    'the device shows it',
    async () => (await world.api('GET', '/api/devices/dev')).body['reason'] === 'restricted',
  )
  const cold = await post(stranger, 'cold')
  await post(friend, 'warm')
  await arrives(friend, 'warm')
  await eventually('it is held', async () => (await read(cold)).plan?.waiting?.reason === 'restricted')
  const { restrictedUntil } = (await world.api('GET', '/api/devices/dev')).body
  expect(await read(cold)).toMatchObject({
    status: 'queued',
    attempts: 0,
    plan: { waiting: { until: restrictedUntil } },
  })
  expect(await texts(stranger)).toEqual([])
  await world.fault('restrict', { device: number, seconds: 0 })
  await arrives(stranger, 'cold')
  expect(await read(cold)).toMatchObject({ attempts: 1 })
})

test('a refusal with 463 is not tried again, and has the device ask until when', async () => {
  await world.fault('nack', { code: 463, count: 1 })
  const id = await post(friend, 'refused')
  await eventually('it fails', async () => (await read(id)).status === 'failed')
  expect(await read(id)).toMatchObject({ attempts: 1, error: { code: 'nack_463' } })
  await post(friend, 'after the refusal')
  await arrives(friend, 'after the refusal')
})

test('a paced device sends as many as it may, across a restart, and says why the others wait', async () => {
  const { status } = await world.api('PUT', '/api/devices/dev/pacing', { messagesPerMinute: 3 })
  expect(status).toBe(200)
  await eventually('the connector knows', async () => {
    await post(friend, 'probe')
    return world.query('select seq from paced_sends').length > 0
  })
  const ids: string[] = []
  for (const text of ['one', 'two', 'three', 'four']) ids.push(await post(friend, text))
  const last = String(ids.at(-1))
  await eventually('it waits', async () => (await read(last)).plan?.waiting?.reason === 'messages_per_minute')
  process.kill(await eventually('a connector runs', () => world.gateway.pidOf('connector')), 'SIGKILL')
  await eventually('connected again', async () => {
    const rows = await world.history('dev')
    return rows.at(-1)?.status === 'connected' && rows.at(-2)?.status !== 'connected'
  })
  expect(await read(last)).toMatchObject({ status: 'queued', attempts: 0 })
  expect(await texts(friend)).not.toContain('four')
  await world.api('PUT', '/api/devices/dev/pacing', { preset: 'off' })
  await arrives(friend, 'four')
})

test('a number that is not on WhatsApp is asked for once', async () => {
  const nobody = '15550899'
  for (const text of ['first', 'second']) {
    const id = await post(nobody, text)
    await eventually('it fails', async () => (await read(id)).status === 'failed')
    expect(await read(id)).toMatchObject({ error: { code: 'not_on_whatsapp' } })
  }
  expect(world.query('select jid from numbers where number = ?', nobody)).toEqual([{ jid: null }])
  const { body } = await world.api('POST', '/api/devices/dev/messages?dryRun=true', {
    to: nobody,
    type: 'text',
    text: 'x',
  })
  expect(body).toMatchObject({ wouldBe: { onWhatsApp: false } })
})
