import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { closeStores } from './signal/parties.ts'
import { link, untilQuiet, type WireClient } from './wire-client.ts'

const own = '15557000'
const friend = '15557900'
let sandbox: Sandbox
let client: WireClient
const control = () => controlOf(sandbox)
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0, backlogHoldMs: 0 })
  await control().phone(friend)
  client = await link(sandbox, own)
})
afterAll(async () => {
  client.drop()
  await sandbox.close()
  await closeStores()
})

test('what is written now does not overtake what had waited at the server', async () => {
  await control().send(friend, own, 'before')
  await until('the first message', async () => (await client.inbox()).length === 1)
  await untilQuiet(sandbox, own)
  client.drop()
  const away = Array.from({ length: 12 }, (_, at) => `away ${at}`)
  for (const text of away) await control().send(friend, own, text)

  const { promise: opened, resolve: open } = Promise.withResolvers<undefined>()
  let received = 0
  client.hooks.received = async () => {
    received += 1
    await opened
  }
  await client.login()
  await until('the first of the backlog', () => received === 1)
  const back = Array.from({ length: 5 }, (_, at) => `back ${at}`)
  for (const text of back) await control().send(friend, own, text)
  // They have come in by the time the server has answered us.
  await client.socket.probe(5_000)
  open(undefined)
  await until('all of them', async () => (await client.inbox()).length === 18)
  expect((await client.inbox()).map(({ text }) => text)).toEqual(['before', ...away, ...back])
})

test("a stranger's messages stay in order, whichever of our addresses each was written to", async () => {
  for (const [at, first, second] of [
    [0, 'lid', 'pn'],
    [1, 'pn', 'lid'],
  ] as const) {
    const stranger = `1555791${at}`
    await control().phone(stranger)
    const { promise: opened, resolve: open } = Promise.withResolvers<undefined>()
    let held = 0
    client.hooks.commit = async (write, changes) => {
      if (changes['lid-mapping'] !== undefined) {
        held += 1
        await opened
      }
      await write()
    }
    await control().send(stranger, own, 'first', { addressing: first })
    await until('the two addresses', () => held > 0)
    await control().send(stranger, own, 'second', { addressing: second })
    // The server has sent it; no answer would say that it came, for none leaves before the commit.
    await delay(100)
    open(undefined)
    const theirs = async (): Promise<unknown[]> =>
      (await client.inbox()).filter(({ sender }) => sender.pn?.startsWith(stranger)).map(({ text }) => text)
    await until('both', async () => (await theirs()).length === 2)
    expect(await theirs()).toEqual(['first', 'second'])
  }
})
