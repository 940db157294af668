import { afterAll, expect, test } from 'vitest'
import { createLock } from '../../../src/runtime/lock.ts'
import type { JournalRow, KeyChanges } from '../../../src/store/store.ts'
import {
  createOperations,
  type Journaling,
  type SignalStore,
} from '../../../src/whatsapp/signal/operations.ts'
import { createHeldRows } from '../../../src/whatsapp/signal/held-rows.ts'
import { acquaint, aliceJid, bobJid, carolJid, closeStores, ours, read, stock, write } from './parties.ts'

afterAll(closeStores)

/** A store of rows in memory whose commits end when the test says so. */
const slowStore = () => {
  const held = createHeldRows()
  const rows = new Map<string, Uint8Array>()
  const commits: {
    changes: KeyChanges
    journal: JournalRow | null
    finish: () => void
    fail: (error: Error) => void
  }[] = []
  const state = { isFull: false }
  const store: SignalStore = {
    bytes: async (type, ids) =>
      new Map(
        ids.flatMap((id) => {
          const value = held.get(type, id) ?? rows.get(id)
          return value instanceof Uint8Array ? [[id, value] as const] : []
        }),
      ),
    preKey: async () => null,
    commit(changes, journal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const { all, written } = held.begin(changes)
      const finish = (): void => {
        for (const [id, value] of Object.entries(all['session'] ?? {})) {
          if (value instanceof Uint8Array) rows.set(id, value)
        }
        written()
        resolve()
      }
      commits.push({ changes: all, journal, finish, fail: reject })
      return promise
    },
    get isFull() {
      return state.isFull
    },
    hold: (changes) => held.add(changes),
    journaled: async () => undefined,
  }
  return { store, rows, commits, state, operation: createOperations(store, createLock()) }
}

type Slow = ReturnType<typeof slowStore>

/** An operation that counts in the one row `id`. */
const count = (
  { operation }: Slow,
  id: string,
  more: { journal?: Journaling<number>; canWait?: boolean } = {},
) =>
  operation({
    load: async (rows) => {
      const found = await rows.bytes('session', [id])
      return { session: { [id]: found.get(id) ?? null } }
    },
    run: async (set) => {
      const next = Number(Buffer.from(set.session(id) ?? Buffer.from('0')).toString()) + 1
      set.set('session', id, Buffer.from(String(next)))
      return next
    },
    ...more,
  })

const rowOf = (result: number): JournalRow => ({
  hash: Buffer.from(`hash ${result}`),
  plaintext: Buffer.from('text'),
  stanzaKey: 'stanza',
  stanza: '{}',
  part: 0,
  parts: 1,
})

test('an operation does not wait for the disk, and the next one reads what it wrote', async () => {
  const slow = slowStore()
  expect(await Promise.all(Array.from({ length: 20 }, () => count(slow, 'a')))).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  expect(slow.rows.size).toBe(0)
  expect(slow.commits).toHaveLength(20)
  for (const { finish } of slow.commits) finish()
  expect(slow.rows.get('a')?.toString()).toBe('20')
})

test('a plaintext is told of when it is durable, not when it is handed out', async () => {
  const slow = slowStore()
  const told: string[] = []
  await count(slow, 'a', { journal: { row: rowOf, onDurable: () => told.push('durable') } })
  expect(slow.commits.map(({ journal }) => journal?.hash.toString())).toEqual(['hash 1'])
  await count(slow, 'b')
  expect(told).toEqual([])
  slow.commits[0]?.finish()
  await count(slow, 'c')
  expect(told).toEqual(['durable'])
})

test('a plaintext whose commit fails is never told of', async () => {
  const slow = slowStore()
  const told: string[] = []
  await count(slow, 'a', { journal: { row: rowOf, onDurable: () => told.push('durable') } })
  slow.commits[0]?.fail(new Error('the disk is full'))
  await count(slow, 'b')
  expect(told).toEqual([])
})

test('once too much is on its way, an operation waits for its commit, and fails with it', async () => {
  const slow = slowStore()
  slow.state.isFull = true
  const settled: string[] = []
  const first = count(slow, 'a').then((value) => settled.push(`first ${value}`))
  const second = count(slow, 'a').then((value) => settled.push(`second ${value}`))
  await expect.poll(() => slow.commits.length).toBe(1)
  expect(settled).toEqual([])
  slow.commits[0]?.finish()
  await first
  await expect.poll(() => slow.commits.length).toBe(2)
  expect(settled).toEqual(['first 1'])
  slow.commits[1]?.fail(new Error('the disk is full'))
  await expect(second).rejects.toThrow('full')
})

test('one that fails writes nothing, and its neighbours do', async () => {
  const slow = slowStore()
  const failing = slow.operation({
    load: async () => ({ session: { a: null } }),
    run: async (set) => {
      set.set('session', 'a', Buffer.from('half done'))
      throw new Error('refused')
    },
  })
  const [first, second, third] = await Promise.allSettled([count(slow, 'a'), failing, count(slow, 'a')])
  expect(first).toMatchObject({ value: 1 })
  expect(second).toMatchObject({ reason: { message: 'refused' } })
  expect(third).toMatchObject({ value: 2 })
  expect(slow.commits).toHaveLength(2)
})

test('one that changes nothing commits nothing, and one that can wait goes with the next', async () => {
  const slow = slowStore()
  await slow.operation({ load: async () => ({}), run: async () => 'read' })
  await count(slow, 'a', { canWait: true })
  expect(slow.commits).toEqual([])
  await count(slow, 'b')
  expect(slow.commits.map(({ changes }) => Object.keys(changes['session'] ?? {}).toSorted())).toEqual([
    ['a', 'b'],
  ])
})

test('messages to many that are encrypted at once are all read', async () => {
  const a = await ours(aliceJid)
  const others = [stock(bobJid), stock(carolJid)]
  for (const other of others) await acquaint(a, other)
  const all = others.flatMap((to) => ['1', '2', '3', '4', '5'].map((text) => ({ to, text })))
  const messages = await Promise.all(all.map(({ to, text }) => write(a, to, text)))
  for (const [at, { to, text }] of all.entries()) {
    const message = messages[at]
    if (message === undefined) throw new Error('no message')
    expect(await read(to, a, message)).toBe(text)
  }
})
