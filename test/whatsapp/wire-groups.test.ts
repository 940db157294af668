import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { closeStores } from './signal/parties.ts'
import { link, untilQuiet, type WireClient } from './wire-client.ts'

const [own, ana, ben] = ['15550601', '15550602', '15550603']

let sandbox: Sandbox
let client: WireClient
let group: string
/** The kinds of rows of each commit. */
let commits: string[]
/** The sender keys that were written, in order; null for one that was deleted. */
let senderKeys: { id: string; value: Uint8Array | string | null }[]
/** Runs before a sender key is written. */
let onSenderKey: () => Promise<void>
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, ben]) await controlOf(sandbox).phone(number)
  client = await link(sandbox, own)
  client.hooks.commit = async (write, changes) => {
    if ('sender-key' in changes) await onSenderKey()
    commits.push(Object.keys(changes).toSorted().join())
    for (const [id, value] of Object.entries(changes['sender-key'] ?? {})) senderKeys.push({ id, value })
    return write()
  }
}, 30_000)
afterAll(async () => {
  client.drop()
  await sandbox.close()
  await closeStores()
})
beforeEach(async () => {
  commits = []
  senderKeys = []
  onSenderKey = async () => undefined
  const { body } = await controlOf(sandbox).post('/groups', {
    subject: 'Team',
    owner: own,
    members: [ana, ben],
  })
  group = String(body['jid'])
  await untilQuiet(sandbox, own)
})

const shownBy = (phone: string, text: string) =>
  until(`${phone} to show ${text}`, async () =>
    (await controlOf(sandbox).messages(phone)).some((message) => message.text === text),
  )
const undecryptable = async (): Promise<number> =>
  (await controlOf(sandbox).stats())['undecryptable'] ?? Number.NaN
const says = async (text: string): Promise<void> => {
  expect((await client.text(group, text)).outcome.kind).toBe('acked')
}

test('a later message to a group writes the sender key and nothing else, also on a new socket', async () => {
  await says('first')
  expect(commits).toContain('sender-key-memory')
  commits = []
  await says('second')
  expect(commits).toEqual(['sender-key'])
  await client.login()
  await untilQuiet(sandbox, own)
  commits = []
  const before = await controlOf(sandbox).stats()
  await says('third')
  expect(commits).toEqual(['sender-key'])
  expect((await controlOf(sandbox).stats())['groupQueries']).toBe(before['groupQueries'])
  for (const phone of [ana, ben]) await shownBy(phone, 'third')
})

test('a first message that the server has not taken keys nobody: the next one does, and is read', async () => {
  await controlOf(sandbox).post('/faults', { kind: 'nack', code: 500 })
  const before = await undecryptable()
  const { outcome } = await client.text(group, 'refused')
  expect(outcome).toEqual({ kind: 'rejected', code: 500 })
  await says('after the refusal')
  for (const phone of [ana, ben]) await shownBy(phone, 'after the refusal')
  expect(await undecryptable()).toBe(before)
})

test('a first message that a dying socket took along keys nobody', async () => {
  const before = await undecryptable()
  onSenderKey = async () => {
    await controlOf(sandbox).post('/faults', { kind: 'freeze', device: own })
  }
  // The second is encrypted when all of the first is done but its ack.
  const lost = ['into', 'the void'].map((text) => client.text(group, text))
  await until('both are encrypted', () => senderKeys.length === 2)
  onSenderKey = async () => undefined
  await client.login()
  for (const { outcome } of await Promise.all(lost)) expect(outcome.kind).not.toBe('acked')
  await says('after the void')
  for (const phone of [ana, ben]) await shownBy(phone, 'after the void')
  expect(await undecryptable()).toBe(before)
})

test('when somebody leaves the next message is under a new key, which the others get and he does not', async () => {
  await says('before')
  const first = senderKeys.at(-1)
  if (first === undefined) throw new Error('no sender key was written')
  await controlOf(sandbox).post(`/groups/${group}/members`, { remove: [ana], by: ana })
  await untilQuiet(sandbox, own)
  expect(senderKeys).toContainEqual({ id: first.id, value: null })
  const before = await undecryptable()
  await says('after')
  await shownBy(ben, 'after')
  expect(await undecryptable()).toBe(before)
  expect((await controlOf(sandbox).messages(ana)).some(({ text }) => text === 'after')).toBe(false)
})
