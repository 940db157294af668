import type { Db } from './statements.ts'

/** Notes of the store to itself, by name; inside the transaction of what they are about. */
export const createMetaRows = ({ $client: client }: Db) => {
  const select = client.prepare<[string], string>('select value from meta where key = +?').pluck()
  const upsert = client.prepare<[string, string]>(
    `insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value`,
  )
  const remove = client.prepare<[string]>('delete from meta where key = +?')
  return {
    read: (key: string): string | undefined => select.get(key),
    write: (key: string, value: string): void => void upsert.run(key, value),
    remove: (key: string): void => void remove.run(key),
  }
}
