/** Triggers in a gateway's database that record each new term of a lease and each write of credentials and keys. */
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'

/** What every process that writes leases or keys must be started with. */
export const witnessEnvironment: Readonly<Record<string, string>> = {
  NODE_OPTIONS: `--import ${new URL('witness-preload.ts', import.meta.url).href}`,
}

export interface Term {
  /** Monotonic ms of the machine, in the claim's transaction. */
  readonly at: number
  readonly pid: number
  readonly name: string
  readonly owner: string
  readonly epoch: number
}

export interface AuthWrite {
  readonly at: number
  readonly pid: number
  readonly device: string
  /** Who held the device's lease in that transaction; null for nobody. */
  readonly owner: string | null
}

const tables = ['auth_creds', 'auth_keys'] as const
const changes = [
  ['insert', 'new'],
  ['update', 'new'],
  ['delete', 'old'],
] as const

const file = (dataDir: string): string => path.join(dataDir, 'gateway.db')

/** From here on all is recorded. */
export const installWitness = (dataDir: string): void => {
  const database = new BetterSqlite(file(dataDir), { timeout: 10_000 })
  const term = `insert into chaos_terms values (chaos_now(), chaos_pid(), new.name, new.owner, new.epoch);`
  const statements = [
    'create table chaos_terms (at real, pid integer, name text, owner text, epoch integer)',
    'create table chaos_auth_writes (at real, pid integer, device text, owner text)',
    `create trigger chaos_first_term after insert on leases begin ${term} end`,
    `create trigger chaos_term after update of epoch on leases when new.epoch <> old.epoch begin ${term} end`,
    ...tables.flatMap((table) =>
      changes.map(
        ([change, row]) =>
          `create trigger chaos_${table}_${change} after ${change} on ${table} begin
             insert into chaos_auth_writes values (chaos_now(), chaos_pid(), ${row}.device_id,
               (select owner from leases where name = 'device/' || ${row}.device_id)); end`,
      ),
    ),
  ]
  database.exec(`begin immediate; ${statements.join('; ')}; commit`)
  database.close()
}

/** Is somebody in the middle of a commit, and stays there? Then nobody can write until it goes on. */
export const isWriteLocked = async (dataDir: string, limitMs: number): Promise<boolean> => {
  const database = new BetterSqlite(file(dataDir), { timeout: 0 })
  try {
    for (const until = performance.now() + limitMs; performance.now() < until; ) {
      try {
        database.exec('begin immediate; rollback')
        return false
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY')) throw error
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 5)
      })
    }
    return true
  } finally {
    database.close()
  }
}
