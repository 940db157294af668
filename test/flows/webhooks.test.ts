import path from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Endpoint } from '../../src/domain/webhook.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { origin } from '../store/conformance/fixtures.ts'
import { endpointOf } from '../store/conformance/webhook-fixtures.ts'
import { receive, secret, type Received } from '../webhooks/samples.ts'
import { type Command, eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
let first: Command
const number = '15550701'
const friend = '15550799'

interface Shown {
  readonly id: string
  readonly type: string
  readonly data: {
    readonly message?: { readonly id: string; readonly text: string | null }
    readonly mediaUrl?: string
    readonly mediaInline?: { readonly base64: string; readonly bytes: number }
  }
}

beforeAll(async () => {
  world = await World.open()
  first = await world.startGateway(['api'])
  world.run(['connector'])
  await world.createPhone(friend)
  await world.link('dev', number)
}, 90_000)
afterAll(() => world.close())

const add = async (id: string, url: string, more: Partial<Endpoint> = {}): Promise<void> => {
  const store = await openStore({ file: path.join(world.dataDir, 'gateway.db') })
  const filter = {
    events: ['message.received'],
    devices: null,
    chats: null,
    notChats: [],
    ownMessages: true,
  }
  const endpoint = endpointOf(id, { url, secret, headers: {}, filter, createdAt: Date.now(), ...more })
  await store.webhooks.create(endpoint, () => undefined, origin, Date.now())
  await store.close()
}
const verified = ({ headers, body }: Received): Shown =>
  new Webhook(secret).verify(body, { ...headers }) as Shown
const stateOf = (id: string): string | undefined =>
  world.query<{ state: string }>('select state from webhook_deliveries where endpoint_id = ?', id)[0]?.state

test('a message reaches an endpoint, signed, and an old receiver in the form that it knows', async () => {
  const [events, plain] = [await receive(), await receive()]
  await add('whk_events', events.url)
  await add('whk_plain', plain.url, { format: 'plain' })
  await world.phoneSend(friend, { to: number, text: 'hello' })
  const [received] = await eventually('it arrives', () => events.received.length > 0 && events.received)
  if (received === undefined) throw new Error('nothing arrived')
  expect(verified(received)).toMatchObject({ type: 'message.received', data: { message: { text: 'hello' } } })
  expect(received.headers['webhook-id']).toBe(verified(received).id)
  const [old] = await eventually('it arrives there too', () => plain.received.length > 0 && plain.received)
  expect(JSON.parse(old?.body ?? '')).toEqual({
    type: 'text',
    from: `${friend}@s.whatsapp.net`,
    message: 'hello',
    timestamp: expect.any(Number) as number,
  })
  await eventually('that is written down', () => stateOf('whk_events') === 'delivered')
})

test('one that the API has made can be tried out, and a device can bring one along', async () => {
  const { url, received } = await receive()
  const { status, body } = await world.api('POST', '/api/webhooks', {
    url,
    secret,
    events: ['device.linked'],
  })
  expect(status).toBe(201)
  const tested = await world.api('POST', `/api/webhooks/${String(body['id'])}/test`)
  expect(tested).toMatchObject({
    status: 200,
    body: { delivery: { state: 'delivered' }, attempt: { number: 1, status: 200 } },
  })
  expect(received.map(verified)).toMatchObject([{ type: 'webhook.tested' }])
  const webhook = { url: `${url}/2`, secret, events: ['device.*'] }
  const started = await world.api('POST', '/api/devices/own/start', { webhook })
  expect(started).toMatchObject({ status: 200, body: { status: 'starting', webhook: { secret } } })
  await eventually('its first event arrives', () =>
    received.map(verified).some(({ type }) => type === 'device.status_changed'),
  )
})

test('a file comes with its message, and its link leads to it', async () => {
  const { url, received } = await receive()
  await add('whk_inline', url, { media: 'inline' })
  const bytes = 20_000
  await world.phoneSend(friend, { to: number, type: 'document', filename: 'a.bin', media: { bytes } })
  const event = await eventually('it arrives', () => received[0] !== undefined && verified(received[0]))
  expect(event.data.mediaInline?.bytes).toBe(bytes)
  const file = Buffer.from(await (await fetch(event.data.mediaUrl ?? '')).arrayBuffer())
  expect(file.toString('base64')).toBe(event.data.mediaInline?.base64)
})

test('after kill -9 of the process in the middle of an attempt another makes it again, under the same id', async () => {
  let answer: (() => void) | undefined
  const { url, received } = await receive((_, count) =>
    count > 1 ? 200 : new Promise<number>((resolve) => (answer = () => resolve(200))),
  )
  await world.startGateway(['api'])
  await add('whk_kill', url)
  await world.phoneSend(friend, { to: number, text: 'once more' })
  await eventually('the first attempt', () => received.length === 1)
  const at = Date.now()
  first.kill('SIGKILL')
  await eventually('the second attempt', () => received.length === 2)
  // At once, not when the lease has run out.
  expect(Date.now() - at).toBeLessThan(8_000)
  answer?.()
  const [one, two] = received.map(verified)
  expect(one?.id).toBe(two?.id)
  await eventually('that is written down', () => stateOf('whk_kill') === 'delivered')
})
