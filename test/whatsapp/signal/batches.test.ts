import { afterAll, expect, test } from 'vitest'
import { createLock } from '../../../src/runtime/lock.ts'
import type { JournalRow, KeyChanges } from '../../../src/store/store.ts'
import { createOperations, type SignalStore } from '../../../src/whatsapp/signal/operations.ts'
import { acquaint, aliceJid, bobJid, carolJid, closeStores, ours, read, stock, write } from './parties.ts'

afterAll(closeStores)

/** A store of rows in memory that tells what was committed, and waits for `release` with it. */
const rowsInMemory = () => {
  const rows = new Map<string, Uint8Array>()
  const commits: { changes: KeyChanges; journal: JournalRow | null }[] = []
  const gate = { commit: async (): Promise<void> => undefined }
  const store: SignalStore = {
    bytes: async (_type, ids) =>
      new Map(ids.flatMap((id) => (rows.has(id) ? [[id, rows.get(id) ?? new Uint8Array()]] : []))),
    preKey: async () => null,
    async commit(changes, journal) {
      await gate.commit()
      commits.push({ changes, journal })
      for (const [id, value] of Object.entries(changes['session'] ?? {})) {
        if (value instanceof Uint8Array) rows.set(id, value)
        else rows.delete(id)
      }
    },
    hold: () => false,
    journaled: async () => undefined,
  }
  return { store, rows, commits, gate, operation: createOperations(store, createLock()) }
}

const journalRow: JournalRow = {
  hash: Buffer.from('hash'),
  plaintext: Buffer.from('text'),
  stanzaKey: 'stanza',
  stanza: '{}',
  part: 0,
  parts: 1,
}

/** An operation that counts in the one row `id`. */
const count = ({ operation }: ReturnType<typeof rowsInMemory>, id: string, journal?: () => JournalRow) =>
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
    journal,
  })

test('operations that wait together share a commit, and each sees what those before it wrote', async () => {
  const memory = rowsInMemory()
  expect(await Promise.all(Array.from({ length: 20 }, () => count(memory, 'a')))).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  expect(memory.commits.length).toBeLessThan(5)
  expect(memory.rows.get('a')?.toString()).toBe('20')
})

test('a hundred share few commits, never one of more than 64', async () => {
  const memory = rowsInMemory()
  await Promise.all(Array.from({ length: 100 }, (_, index) => count(memory, `row ${index}`)))
  const sizes = memory.commits.map(({ changes }) => Object.keys(changes['session'] ?? {}).length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(64)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100)
  expect(sizes.length).toBeLessThan(6)
})

test('nothing resolves before the commit that it is in, not even a failure', async () => {
  const memory = rowsInMemory()
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const begun = Promise.withResolvers<undefined>()
  memory.gate.commit = async () => {
    begun.resolve(undefined)
    await promise
  }
  const settled: string[] = []
  const good = count(memory, 'a').then(() => settled.push('done'))
  const bad = memory
    .operation({
      load: async () => ({}),
      run: async () => {
        throw new Error('refused')
      },
    })
    .catch((error: unknown) => settled.push(String(error)))
  await begun.promise
  expect(settled).toEqual([])
  resolve(undefined)
  await Promise.all([good, bad])
  expect(settled).toEqual(['done', 'Error: refused'])
})

test('one that fails writes nothing, and its neighbours do', async () => {
  const memory = rowsInMemory()
  const failing = memory.operation({
    load: async () => ({ session: { a: null } }),
    run: async (set) => {
      set.set('session', 'a', Buffer.from('half done'))
      throw new Error('refused')
    },
  })
  const [first, second, third] = await Promise.allSettled([count(memory, 'a'), failing, count(memory, 'a')])
  expect(first).toMatchObject({ value: 1 })
  expect(second).toMatchObject({ reason: { message: 'refused' } })
  expect(third).toMatchObject({ value: 2 })
  expect(memory.rows.get('a')?.toString()).toBe('2')
})

test('a commit takes one journal row at most', async () => {
  const memory = rowsInMemory()
  const journaling = ['x', 'y', 'z'].map((id) =>
    count(memory, id, () => ({ ...journalRow, hash: Buffer.from(id) })),
  )
  await Promise.all([count(memory, 'a'), ...journaling, count(memory, 'b')])
  const hashes = memory.commits.flatMap(({ journal }) => (journal === null ? [] : [journal.hash.toString()]))
  expect(hashes).toEqual(['x', 'y', 'z'])
  expect(Object.keys(Object.fromEntries(memory.rows)).toSorted()).toEqual(['a', 'b', 'x', 'y', 'z'])
})

test('messages to many that are encrypted at once share few commits, and all of them are read', async () => {
  const a = await ours(aliceJid)
  const others = [stock(bobJid), stock(carolJid)]
  for (const other of others) await acquaint(a, other)
  const before = a.commits.length
  const all = others.flatMap((to) => ['1', '2', '3', '4', '5'].map((text) => ({ to, text })))
  const messages = await Promise.all(all.map(({ to, text }) => write(a, to, text)))
  expect(a.commits.length - before).toBeLessThan(5)
  for (const [at, { to, text }] of all.entries()) {
    const message = messages[at]
    if (message === undefined) throw new Error('no message')
    expect(await read(to, a, message)).toBe(text)
  }
})
