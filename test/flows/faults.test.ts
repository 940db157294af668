import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type HistoryRow, World } from './world.ts'

let world: World
const number = '15550401'
const friend = '15550499'
beforeAll(async () => {
  world = await World.withGateway({ WHATSAPP_KEEPALIVE_MS: '6000' })
  await world.createPhone(friend)
  await world.link('dev', number)
}, 90_000)
afterAll(() => closePromised(world))
afterEach(async () => {
  await world.clearFaults()
  const { status, body } = await world.api('GET', '/api/devices/dev')
  if (status === 404 || (body['status'] as unknown) === 'disconnected') {
    await world.api('POST', '/api/devices/dev/start')
    await world.untilStatus('dev', 'waiting_for_scan')
    await world.scan(number, 'dev')
  }
  await untilStable()
}, 90_000)

/** A session that has lasted ends the count of failures: else one fault would lengthen the waits of the next. */
const untilStable = async (): Promise<void> => {
  await world.untilStatus('dev', 'connected', 60_000)
  await eventually('the session has lasted', async () => {
    const { body } = await world.api('GET', '/api/devices/dev')
    return Date.now() - Date.parse(String(body['lastConnectedAt'])) > 1_500
  })
}

/** History rows after `mark`, once the last one is of `status`. */
const since = (mark: number, status: string, limitMs = 20_000): Promise<HistoryRow[]> =>
  eventually(
    `history ends in ${status}`,
    async () => {
      const rows = (await world.history('dev')).slice(mark)
      return rows.length > 0 && rows.at(-1)?.status === status && rows
    },
    limitMs,
  )
const mark = async (): Promise<number> => (await world.history('dev')).length
const send = (message: string, headers?: Record<string, string>) =>
  world.api('POST', '/api/devices/dev/send', { to: friend, message }, headers)
const seen = async (text: string) => (await world.phoneMessages(friend)).filter((m) => m.text === text)

test('a dropped TCP connection is a reconnect within seconds', async () => {
  const before = await mark()
  await world.fault('drop', { device: number })
  const rows = await since(before, 'connected')
  expect(rows[0]).toMatchObject({ status: 'reconnecting', reason: 'connection_lost' })
})

test('a frozen link is not connected any more after half a keep-alive and a third of one', async () => {
  const before = await mark()
  const at = performance.now()
  await world.fault('freeze', { device: number })
  await eventually('not connected', async () => (await world.status('dev')).status !== 'connected', 15_000)
  // 6 s of keep-alive: silence of 3 s, a probe of 2 s; the bound leaves room for a slow machine.
  expect(performance.now() - at).toBeLessThan(9_000)
  const rows = await since(before, 'connected')
  expect(rows[0]).toMatchObject({ status: 'reconnecting', reason: 'connection_lost' })
})

test('a message that is sent into a frozen link arrives once, after the reconnect', async () => {
  await world.fault('freeze', { device: number })
  const answer = await send('into the ice')
  expect([200, 202]).toContain(answer.status)
  await eventually(
    'sent',
    async () => {
      const { body } = await world.api('GET', `/api/messages/${String(answer.body['id'])}`)
      return ['sent', 'delivered', 'read'].includes(String(body['status'])) && body
    },
    30_000,
  )
  expect(await seen('into the ice')).toHaveLength(1)
})

test.for([
  ['503', 'reconnecting', 'server_error'],
  ['500', 'reconnecting', 'server_error'],
  ['515', 'reconnecting', 'restart_required'],
] as const)('a stream error %s is a reconnect', async ([code, status, reason]) => {
  const before = await mark()
  await world.fault('stream-error', { device: number, code: Number(code) })
  const rows = await since(before, 'connected')
  expect(rows[0]).toMatchObject({ status, reason })
})

test('credentials in use elsewhere: no fight for the connection, and a restart by hand ends the wait', async () => {
  const before = await mark()
  const logins = (await world.stats())['logins']
  await world.fault('replaced', { device: number })
  await eventually('replaced is shown', async () =>
    (await world.history('dev')).slice(before).some((row) => row.reason === 'replaced'),
  )
  expect((await world.status('dev')).status).toBe('reconnecting')
  expect((await world.stats())['logins']).toBe(logins)
  await world.api('POST', '/api/devices/dev/restart')
  await since(before, 'connected')
})

test('a logout sets the credentials aside and says so', async () => {
  const before = await mark()
  await world.fault('logout', { device: number })
  const rows = await since(before, 'disconnected')
  expect(rows.at(-1)).toMatchObject({ reason: 'logged_out' })
  expect(world.query("select distinct reason from auth_quarantine where device_id = 'dev'")).toEqual([
    { reason: 'logged_out' },
  ])
})

test('HTTP answers that are not 101 are retried and never cost the credentials', async () => {
  for (const status of [401, 403, 429, 500, 503]) {
    await untilStable()
    const before = await mark()
    await world.fault('reject-upgrade', { status, count: 1 })
    await world.fault('drop', { device: number })
    const rows = await since(before, 'connected', 30_000)
    expect(rows.some((row) => row.reason === 'connect_failed' && row.detail?.includes(String(status)))).toBe(
      true,
    )
  }
  expect((await world.stats())['pairings']).toBeLessThan(4)
})

test('a lost ack is made up for by the receipt of the recipient', async () => {
  await world.fault('lose-acks', { device: number, count: 1 })
  const answer = await send('no ack', { Prefer: 'respond-async' })
  expect(answer.status).toBe(202)
  const id = String(answer.body['id'])
  await eventually(
    'delivered',
    async () => {
      const { body } = await world.api('GET', `/api/messages/${id}`)
      return ['sent', 'delivered', 'read'].includes(String(body['status']))
    },
    60_000,
  )
  expect(await seen('no ack')).toHaveLength(1)
})

test('a message that comes twice from the server is stored once', async () => {
  await world.fault('duplicate', { device: number, count: 1 })
  const { body } = await world.phone('POST', `/phones/${friend}/messages`, { to: number, text: 'twice' })
  await eventually('stored', async () =>
    (await world.messages('dev', '&direction=inbound')).some((m) => m.text === 'twice'),
  )
  await eventually('both copies have been answered', async () => {
    const stats = await world.stats()
    return (stats['receiptsFromCompanions'] ?? 0) + (stats['nacksFromCompanions'] ?? 0) >= 2
  })
  expect((await world.messages('dev')).filter((m) => m.whatsappId === String(body['id']))).toHaveLength(1)
  expect(
    world.query("select 1 from events where type = 'message.received' and data like '%twice%'"),
  ).toHaveLength(1)
})

test('a refused message fails with the code of WhatsApp and is not tried again', async () => {
  await world.fault('nack', { device: number, code: 463, count: 1 })
  const answer = await send('refused')
  expect(answer.status).toBe(502)
  const [message] = (await world.messages('dev', '&status=failed')).filter((m) => m.text === 'refused')
  expect(message).toMatchObject({ attempts: 1, error: { code: 'nack_463' } })
  expect(await seen('refused')).toEqual([])
})

test('a refusal that may pass is retried under the same id', async () => {
  await world.fault('nack', { device: number, code: 479, count: 1 })
  const answer = await send('second try')
  expect(answer.status).toBe(200)
  const { body } = await world.api('GET', `/api/messages/${String(answer.body['id'])}`)
  expect(body['attempts'] as unknown).toBe(2)
  expect(await seen('second try')).toHaveLength(1)
})

test('a slow server changes nothing but the time', async () => {
  await world.fault('delay', { device: number, ms: 300 })
  const answer = await send('slowly')
  expect(answer.status).toBe(200)
  expect((await world.status('dev')).status).toBe('connected')
})

test('a number that is not on WhatsApp fails before a byte of it is sent', async () => {
  const answer = await world.api('POST', '/api/devices/dev/send', { to: '+15559990000', message: 'nobody' })
  expect(answer.status).toBe(502)
  const [message] = (await world.messages('dev')).filter((m) => m.text === 'nobody')
  expect(message).toMatchObject({ status: 'failed', error: { code: 'not_on_whatsapp' } })
})

test('a group that the account is not in fails before a byte of it is sent', async () => {
  const answer = await world.api('POST', '/api/devices/dev/send', {
    to: '120363000000000000@g.us',
    message: 'to nobody',
  })
  expect(answer.status).toBe(502)
  const [message] = (await world.messages('dev')).filter((m) => m.text === 'to nobody')
  expect(message).toMatchObject({ status: 'failed', attempts: 1, error: { code: 'refused_404' } })
})
