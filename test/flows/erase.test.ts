import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
const [number, eva] = ['15550861', '15550862']
beforeAll(async () => {
  world = await World.withGateway()
  await world.createPhone(eva)
  await world.link('dev', number)
}, 90_000)
afterAll(() => world.close())

const talk = async (text: string): Promise<void> => {
  const { body } = await world.api('POST', '/api/devices/dev/send', { to: eva, message: text })
  await world.phoneShows(eva, String(body['id']))
  await world.phoneSend(eva, { to: number, text: `${text} too` })
  await eventually('the answer is here', async () =>
    (await world.messages('dev')).find((message) => message.text === `${text} too`),
  )
}
const erase = async () => {
  const { status, body } = await world.api('DELETE', `/api/people/${eva}`)
  return { status, ...(body as { erased?: Record<string, number>; left?: Record<string, number> }) }
}
const isNamed = (): string[] =>
  world
    .query<{ name: string }>(
      `select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' and name not like 'message_search%'`,
    )
    .filter(({ name }) => JSON.stringify(world.query(`select * from ${name}`)).includes(eva))
    .map(({ name }) => name)

test('somebody can be erased while the device is connected, and writes on as a stranger afterwards', async () => {
  await talk('before')
  expect(await erase()).toMatchObject({
    status: 200,
    erased: { messages: 2 },
    left: { keys: expect.any(Number) },
  })
  expect(isNamed().toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['addresses', 'auth_keys'])
  await talk('connected')
  expect((await world.messages('dev')).map(({ text }) => text)).toEqual(['connected too', 'connected'])

  await world.api('POST', '/api/devices/dev/stop')
  await world.untilStatus('dev', 'disconnected')
  await eventually('nothing is left', async () => {
    const { status, left } = await erase()
    return status === 404 || Object.keys(left ?? {}).length === 0
  })
  expect(isNamed()).toEqual([])
  expect(await erase()).toMatchObject({ status: 404 })

  await world.api('POST', '/api/devices/dev/start')
  await world.untilStatus('dev', 'connected')
  await talk('anew')
}, 60_000)
