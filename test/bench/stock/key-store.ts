/** Where a user of bare Baileys keeps credentials and keys: in memory, or carefully in SQLite. */
import {
  type AuthenticationCreds,
  BufferJSON,
  initAuthCreds,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
  type SignalKeyStore,
} from '@whiskeysockets/baileys'
import BetterSqlite from 'better-sqlite3'

export interface StockAuth {
  readonly creds: AuthenticationCreds
  readonly keys: SignalKeyStore
  saveCreds(): void
}

/** Gives the credentials and keys of an account, as they were saved last. */
export type StockStore = (account: string) => StockAuth

/** Rows by account, type and id. */
interface Rows {
  get(account: string, type: string, id: string): unknown
  /** All or none; undefined and null delete. */
  set(account: string, rows: readonly (readonly [type: string, id: string, value: unknown])[]): void
}

const revive = (type: string, value: unknown): unknown =>
  type === 'app-state-sync-key' && value !== undefined
    ? proto.Message.AppStateSyncKeyData.fromObject(value as Record<string, unknown>)
    : value

const storeOf =
  (rows: Rows): StockStore =>
  (account) => {
    const creds = (rows.get(account, 'creds', '') as AuthenticationCreds | undefined) ?? initAuthCreds()
    return {
      creds,
      keys: {
        async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
          const found: { [id: string]: SignalDataTypeMap[T] } = {}
          for (const id of ids) {
            const value = revive(type, rows.get(account, type, id))
            if (value !== undefined) found[id] = value as SignalDataTypeMap[T]
          }
          return found
        },
        async set(data: SignalDataSet) {
          rows.set(
            account,
            Object.entries(data).flatMap(([type, values]) =>
              Object.entries(values ?? {}).map(([id, value]) => [type, id, value] as const),
            ),
          )
        },
      },
      saveCreds: () => rows.set(account, [['creds', '', creds]]),
    }
  }

export const memoryStore = (): StockStore => {
  const values = new Map<string, unknown>()
  const name = (...parts: readonly string[]): string => JSON.stringify(parts)
  return storeOf({
    get: (account, type, id) => values.get(name(account, type, id)),
    set(account, rows) {
      for (const [type, id, value] of rows) {
        if (value === null || value === undefined) values.delete(name(account, type, id))
        else values.set(name(account, type, id), value)
      }
    },
  })
}

/** One file for all accounts: WAL, `synchronous = full`, prepared statements, one transaction for each `keys.set`. */
export const sqliteStore = (file: string): StockStore => {
  const database = new BetterSqlite(file)
  database.pragma('journal_mode = wal')
  database.pragma('synchronous = full')
  database.exec(
    'create table if not exists auth (account text, type text, id text, value text, primary key (account, type, id)) without rowid',
  )
  const select = database
    .prepare<[string, string, string], string>(
      'select value from auth where account = ? and type = ? and id = ?',
    )
    .pluck()
  const upsert = database.prepare(
    'insert into auth values (?, ?, ?, ?) on conflict do update set value = excluded.value',
  )
  const remove = database.prepare('delete from auth where account = ? and type = ? and id = ?')
  return storeOf({
    get(account, type, id) {
      const text = select.get(account, type, id)
      return text === undefined ? undefined : (JSON.parse(text, BufferJSON.reviver) as unknown)
    },
    set: database.transaction((account, rows) => {
      for (const [type, id, value] of rows) {
        if (value === null || value === undefined) remove.run(account, type, id)
        else upsert.run(account, type, id, JSON.stringify(value, BufferJSON.replacer))
      }
    }) as Rows['set'],
  })
}
