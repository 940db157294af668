import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World } from './world.ts'

let world: World
const number = '15551900'
const recipients = Array.from({ length: 200 }, (_, index) => String(15_552_000 + index))
const single = '15551999'

beforeAll(async () => {
  world = await World.withGateway()
  for (const one of [...recipients, single]) await world.createPhone(one)
  await world.link('dev', number)
}, 180_000)
afterAll(() => closePromised(world))

const countsOf = async (id: string): Promise<Record<string, number> & { state: string }> => {
  const { body } = await world.api('GET', `/api/bulks/${id}`)
  return { ...(body['counts'] as unknown as Record<string, number>), state: String(body['state']) } as never
}
const arrived = (counts: Record<string, number>): number =>
  (counts['sent'] ?? 0) + (counts['delivered'] ?? 0) + (counts['read'] ?? 0)

test('kill -9 of both processes in the middle of a bulk: each recipient gets it once, single messages overtake', async () => {
  // Slow enough to be cut in the middle.
  await world.api('PUT', '/api/devices/dev/pacing', { gap: { minMs: 20, maxMs: 20 } })
  const { status, body } = await world.api('POST', '/api/devices/dev/bulks', {
    message: { type: 'text', text: 'Hello {{name}}' },
    recipients: recipients.map((to) => ({ to, variables: { name: `number ${to}` } })),
  })
  expect({ status, body }).toMatchObject({ status: 201, body: { total: 200 } })
  const id = String(body['id'])
  await eventually('a part of it is sent', async () => arrived(await countsOf(id)) >= 30, 60_000)
  const connector = await eventually('a connector runs', () => world.gateway.pidOf('connector'))
  process.kill(connector, 'SIGKILL')
  world.gateway.kill('SIGKILL')
  await world.gateway.exit()
  await world.startGateway()
  const before = await countsOf(id)
  expect(before.state).toBe('running')
  expect(before['waiting']).toBeGreaterThan(0)
  await world.api('POST', '/api/devices/dev/send', { to: single, message: 'overtakes' })
  await eventually(
    'the single message arrives',
    async () => (await world.phoneMessages(single)).length === 1,
    60_000,
  )
  expect((await countsOf(id)).state).toBe('running')
  await world.api('PUT', '/api/devices/dev/pacing', { preset: 'off' })
  await eventually('it is done', async () => (await countsOf(id)).state === 'done', 120_000)
  expect(arrived(await countsOf(id))).toBe(200)
  for (const to of recipients) {
    const texts = (await world.phoneMessages(to)).map(({ text }) => text)
    expect(texts).toEqual([`Hello number ${to}`])
  }
}, 300_000)

test('a bulk that is cancelled sends no more, and a removed device takes its bulks along', async () => {
  await world.api('PUT', '/api/devices/dev/pacing', { messagesPerMinute: 1 })
  const ask = { message: { type: 'text', text: 'slow' }, recipients }
  const first = await world.api('POST', '/api/devices/dev/bulks', ask)
  const id = String(first.body['id'])
  await eventually('it is under way', async () => Number((await countsOf(id))['queued']) > 0)
  await world.api('POST', `/api/bulks/${id}/cancel`)
  expect(await countsOf(id)).toMatchObject({ state: 'cancelled', waiting: 0 })
  const second = await world.api('POST', '/api/devices/dev/bulks', ask)
  await world.api('DELETE', '/api/devices/dev')
  await eventually('it has ended', async () => {
    const { body } = await world.api('GET', `/api/bulks/${String(second.body['id'])}`)
    return body['state'] === 'cancelled' && body['endedAt'] !== null
  })
})
