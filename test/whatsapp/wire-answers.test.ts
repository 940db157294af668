import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type FaultProxy, openProxy } from '../chaos/proxy.ts'
import { seededRandom } from '../chaos/random.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { closeStores } from './signal/parties.ts'
import { link, untilQuiet, type WireClient } from './wire-client.ts'

const own = '15556000'
const friend = '15556900'
let sandbox: Sandbox
let proxy: FaultProxy
let client: WireClient
const control = () => controlOf(sandbox)
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  proxy = await openProxy(sandbox.url, seededRandom(1))
  await control().phone(friend)
  client = await link(sandbox, own, { url: proxy.url })
})
afterAll(async () => {
  client.drop()
  await proxy.close()
  await sandbox.close()
  await closeStores()
})

const has = async (wanted: string): Promise<boolean> =>
  (await client.inbox()).some(({ text }) => text === wanted)
const count = (event: string): number => client.events.filter((each) => each === event).length

test('messages that come in are no sign that ours get out; an answer to a ping is', async () => {
  await control().send(friend, own, 'first')
  await until('the first message', () => has('first'))
  await untilQuiet(sandbox, own)
  await client.socket.probe(5_000)
  const answers = count('answer')
  proxy.setLink({ blocked: ['up'] })
  await control().send(friend, own, 'second')
  await control().send(friend, own, 'third')
  await until('the messages', async () => (await has('second')) && (await has('third')))
  expect(count('answer')).toBe(answers)
  proxy.heal('deliver')
  await client.socket.probe(5_000)
  expect(count('answer')).toBeGreaterThan(answers)
})
