import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import {
  type Client,
  closeCode,
  controlOf,
  createClient,
  linked,
  login,
  opened,
  shownQr,
  until,
} from './client.ts'

let sandbox: Sandbox
let ana: Client
const number = '15553001'
const bob = '15553002'
const companion = '15553001:1@s.whatsapp.net'

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await controlOf(sandbox).phone(number, 'Ana')
  await controlOf(sandbox).phone(bob, 'Bob')
  ana = await linked(sandbox, number)
})
afterEach(async () => {
  await controlOf(sandbox).call('DELETE', '/faults')
})
afterAll(() => sandbox.close())

const fault = (body: object) => controlOf(sandbox).post('/faults', body)

const connected = async (): Promise<void> => {
  if (closeCode(ana) !== undefined) await login(ana)
}

const send = async (text: string): Promise<string> => {
  const sent = await ana.socket.sendMessage(`${bob}@s.whatsapp.net`, { text })
  return sent?.key.id ?? ''
}

const shown = (id: string) =>
  until('the message', async () =>
    (await controlOf(sandbox).messages(bob)).find((message) => message.id === id),
  )

const ackOf = (id: string) => until('the ack', () => ana.acks.find((each) => each['id'] === id))

const ping = (client: Client, timeoutMs: number): Promise<unknown> =>
  client.socket.query(
    {
      tag: 'iq',
      attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' },
      content: [{ tag: 'ping', attrs: {} }],
    },
    timeoutMs,
  )

test('drop cuts the connection, and the companion may come back', async () => {
  await connected()
  expect(await fault({ kind: 'drop', device: number })).toMatchObject({ status: 201, body: { affected: 1 } })
  await until('the end', () => closeCode(ana) !== undefined)
  await login(ana)
  await ping(ana, 1000)
})

test('freeze leaves the socket open and dead, new ones work, and the end of the fault resets it', async () => {
  await connected()
  expect(await fault({ kind: 'freeze', device: companion })).toMatchObject({ body: { affected: 1 } })
  await expect(ping(ana, 200)).rejects.toThrow()
  expect(closeCode(ana)).toBeUndefined()
  const again = createClient(sandbox)
  Object.assign(again.creds, ana.creds)
  again.connect()
  await opened(again)
  await ping(again, 1000)
  expect(closeCode(ana)).toBeUndefined()
  expect(await controlOf(sandbox).call('DELETE', '/faults')).toMatchObject({ body: { reset: 1 } })
  await until('the reset', () => closeCode(ana) !== undefined)
  await again.close()
})

test('stream-error ends the socket with its code', async () => {
  await connected()
  await fault({ kind: 'stream-error', device: number, code: 503 })
  await until('503', () => closeCode(ana) === 503)
})

test('replaced ends the socket with 440', async () => {
  await connected()
  await fault({ kind: 'replaced' })
  await until('440', () => closeCode(ana) === 440)
})

test('logout unlinks the companion', async () => {
  await controlOf(sandbox).phone('15553003')
  const client = await linked(sandbox, '15553003')
  await fault({ kind: 'logout', device: '+1 555 3003' })
  await until('401', () => closeCode(client) === 401)
  expect(await controlOf(sandbox).get('/phones/15553003')).toMatchObject({ companions: [] })
})

test('reject-upgrade answers the next connections with an HTTP status, as often as asked', async () => {
  const answers: number[] = []
  await fault({ kind: 'reject-upgrade', status: 429, count: 2 })
  for (let each = 0; each < 2; each++) {
    const client = createClient(sandbox)
    client.connect()
    client.socket.ws.on('unexpected-response', (_request: unknown, response: { statusCode: number }) => {
      answers.push(response.statusCode)
    })
    await until('the answer', () => answers.length > each)
    void client.socket.end(undefined)
  }
  expect(answers).toEqual([429, 429])
  expect(await controlOf(sandbox).get('/faults')).toMatchObject({ active: [] })
  const client = createClient(sandbox)
  client.connect()
  await shownQr(client)
  await client.close()
})

test.each(['companion_reg_refresh', 'pair-device-rotate-qr'])(
  'reg-refresh by %s refuses the old secret and takes a new one under the same ref',
  async (form) => {
    const phone = form === 'pair-device-rotate-qr' ? '15553004' : '15553005'
    const control = controlOf(sandbox)
    await control.phone(phone)
    const client = createClient(sandbox)
    client.connect()
    const shownText = await shownQr(client)
    expect(await fault({ kind: 'reg-refresh', form, qr: shownText })).toMatchObject({ body: { affected: 1 } })
    const early = await control.post(`/phones/${phone}/scan`, { qr: shownText })
    expect(early).toMatchObject({ status: 409 })
    expect(early.body.error).toContain("couldn't link device")
    const secret = Buffer.alloc(32, 9).toString('base64')
    client.creds.advSecretKey = secret
    const fields = shownText.split(',')
    fields[3] = secret
    const refresh = await until('the request', () =>
      client.nodes.find((node) => node.attrs['type'] === 'companion_reg_refresh'),
    )
    // Stock Baileys fails to ack anything before it is linked: it reads `creds.me.id`.
    const { id = '', type = '' } = refresh.attrs
    await client.socket.sendNode({
      tag: 'ack',
      attrs: { id, type, class: 'notification', to: '@s.whatsapp.net' },
    })
    await until('the ack to count', async () => {
      const { status } = await control.post(`/phones/${phone}/scan`, { qr: fields.join(',') })
      return status === 200
    })
  },
)

test('reg-refresh refuses every scan until the companion has acked it', async () => {
  await controlOf(sandbox).phone('15553006')
  const client = createClient(sandbox)
  client.connect()
  const text = await shownQr(client)
  client.socket.ws.removeAllListeners('CB:notification')
  await fault({ kind: 'reg-refresh' })
  const answer = await controlOf(sandbox).post('/phones/15553006/scan', { qr: text })
  expect(answer.body.error).toContain('has not answered yet')
  await client.close()
})

test('passkey asks clients that are being linked for one', async () => {
  const client = createClient(sandbox)
  client.connect()
  await shownQr(client)
  await fault({ kind: 'passkey' })
  await until('the request', () =>
    client.nodes.some((node) => node.attrs['type'] === 'passkey_prologue_request'),
  )
  await client.close()
})

test('lose-acks delivers and stays silent', async () => {
  await connected()
  await fault({ kind: 'lose-acks', device: number, count: 1 })
  const lost = await send('not acked')
  await shown(lost)
  const acked = await send('acked')
  await ackOf(acked)
  expect(ana.acks.some((each) => each['id'] === lost && each['class'] === 'message')).toBe(false)
})

test('nack refuses with its code and does not deliver', async () => {
  await connected()
  await fault({ kind: 'nack', device: companion, code: 479, count: 1 })
  const refused = await send('refused')
  expect(await ackOf(refused)).toMatchObject({ class: 'message', error: '479' })
  await shown(await send('taken'))
  const messages = await controlOf(sandbox).messages(bob)
  expect(messages.some((message) => message.id === refused)).toBe(false)
})

test('duplicate delivers a message to the companion twice', async () => {
  await connected()
  await fault({ kind: 'duplicate', device: number, count: 1 })
  const id = await controlOf(sandbox).send(bob, number, 'twice')
  await until('both', () => ana.nodes.filter((node) => node.attrs['id'] === id).length === 2)
  await until('the message', () => ana.received.some(({ message }) => message.key.id === id))
})

test('delay holds every frame back and keeps their order', async () => {
  await connected()
  await fault({ kind: 'delay', device: number, ms: 150 })
  const from = performance.now()
  const answered: number[] = []
  await Promise.all([0, 1, 2].map((each) => ping(ana, 2000).then(() => answered.push(each))))
  expect(performance.now() - from).toBeGreaterThanOrEqual(149)
  expect(answered).toEqual([0, 1, 2])
  await controlOf(sandbox).call('DELETE', '/faults')
  const free = performance.now()
  await ping(ana, 1000)
  expect(performance.now() - free).toBeLessThan(150)
})

test('silent-handshake takes the connection and never answers', async () => {
  await fault({ kind: 'silent-handshake', count: 1 })
  const client = createClient(sandbox)
  client.connect({ connectTimeoutMs: 300 })
  await until('the socket', async () => (await controlOf(sandbox).stats())['frozenSockets'] === 1)
  await controlOf(sandbox).call('DELETE', '/faults')
  await until('the end', () => closeCode(client) !== undefined)
  await until('nothing frozen', async () => (await controlOf(sandbox).stats())['frozenSockets'] === 0)
})
