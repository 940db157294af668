import BetterSqlite from 'better-sqlite3'
import { expect, it, onTestFinished } from 'vitest'
import { parseSearch } from '../../src/domain/search.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { newFile } from './files.ts'

/** Messages are written by hand here: what has changed them is not what this is about. */
const setUp = async () => {
  const file = newFile()
  const store = await openStore({ file })
  const client = new BetterSqlite(file)
  onTestFinished(async () => {
    client.close()
    await store.close()
  })
  const insert = client.prepare(
    `insert into messages (id, device_id, whatsapp_id, direction, chat_pn, type, status, attempts, created_at, text)
     values (?, 'a', 'w', 'inbound', '1@s.whatsapp.net', 'text', 'delivered', 0, 1, ?)`,
  )
  const find = async (q: string): Promise<string[]> =>
    (await store.search.find(parseSearch(q), {}, { order: 'newest', limit: 100 })).items.map(
      ({ message }) => message.id,
    )
  return { store, client, insert, find }
}

it('an edit is found by its new words at once, and by the old ones no more', async () => {
  const { store, client, insert, find } = await setUp()
  insert.run('A1', 'old words')
  await store.search.index(10)
  client.exec(`update messages set text = 'new words', edited_at = 2`)
  expect(await find('old')).toEqual([])
  expect(await find('new')).toEqual(['A1'])
  client.exec(`update messages set body = '{"type":"document","filename":"bill.pdf"}'`)
  expect(await find('bill')).toEqual(['A1'])
})

it('an edit of a message that is not in the index yet is found when it is', async () => {
  const { store, client, insert, find } = await setUp()
  insert.run('A1', 'old')
  client.exec(`update messages set text = 'new'`)
  expect(await find('new')).toEqual([])
  await store.search.index(10)
  expect(await find('new')).toEqual(['A1'])
  expect(await find('old')).toEqual([])
})

it('what was deleted for everyone is not found, before it is in the index or after', async () => {
  const { store, client, insert, find } = await setUp()
  insert.run('A1', 'secret')
  await store.search.index(10)
  insert.run('A2', 'secret')
  client.exec('update messages set deleted_at = 5')
  expect(await find('secret')).toEqual([])
  await store.search.index(10)
  expect(await find('secret')).toEqual([])
})

it('a row that is gone is not found', async () => {
  const { store, client, insert, find } = await setUp()
  insert.run('A1', 'word')
  insert.run('A2', 'word')
  await store.search.index(10)
  client.exec(`delete from messages where id = 'A1'`)
  expect(await find('word')).toEqual(['A2'])
  expect(client.prepare('select count(*) from message_search').pluck().get()).toBe(1)
})

it('what only changes the state of a message leaves the index alone', async () => {
  const { store, client, insert } = await setUp()
  insert.run('A1', 'word')
  await store.search.index(10)
  const before = client.prepare('select total_changes()').pluck().get() as number
  client.exec(`update messages set status = 'read', read_at = 5 where id = 'A1'`)
  expect(client.prepare('select total_changes()').pluck().get()).toBe(before + 1)
})

it('messages of before the index are found once they are in it', async () => {
  const { store, insert, find, client } = await setUp()
  client.transaction(() => {
    for (let n = 0; n < 1_000; n++) insert.run(`A${n}`, `word ${n}`)
  })()
  let batches = 1
  while (await store.search.index(250)) batches++
  expect(batches).toBe(4)
  expect(await find('999')).toEqual(['A999'])
  expect(await find('word -999')).toHaveLength(100)
})

it('an index that cannot be written leaves its place as it was, and the search as it is', async () => {
  const { store, client, insert, find } = await setUp()
  insert.run('A1', 'word')
  await store.search.index(10)
  insert.run('A2', 'word')
  client.exec(`create trigger fail before update on meta begin select raise(abort, 'no'); end`)
  await expect(store.search.index(10)).rejects.toThrow('SQLITE_CONSTRAINT_TRIGGER')
  expect(await find('word')).toEqual(['A1'])
  client.exec('drop trigger fail')
  await store.search.index(10)
  expect(await find('word')).toEqual(['A2', 'A1'])
})
