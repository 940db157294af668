/** Brings a database to the newest version, or refuses one that is not ours to touch. */
import path from 'node:path'
import type { Database } from 'better-sqlite3'
import type { MigrationMeta } from 'drizzle-orm/migrator'
import { readMigrationFiles } from './drizzle.ts'
import { StoreVersionError } from '../store.ts'
import { isNoDatabase } from './errors.ts'

/** Marks a database file as the gateway's ("WAGW"), so that no other program's file is taken for one. */
const applicationId = 0x57414757

const migrationsFolder = path.join(import.meta.dirname, '../../../migrations/sqlite')

/** The table in which drizzle-kit's own tools look for what was applied. */
const migrationsTable = '__drizzle_migrations'

const countTables = (client: Database): number =>
  client.prepare<[], number>(`select count(*) from sqlite_schema where type = 'table'`).pluck().get() ?? 0

const appliedTo = (client: Database): readonly number[] =>
  client.prepare<[], number>(`select created_at from ${migrationsTable} order by created_at`).pluck().all()

/** The migrations that the database lacks. Throws StoreVersionError for a database that is not ours or too new. */
const missingIn = (client: Database, file: string, known: readonly MigrationMeta[]): MigrationMeta[] => {
  if (countTables(client) === 0) return [...known]
  if (client.pragma('application_id', { simple: true }) !== applicationId) {
    throw new StoreVersionError(
      `${file} is an SQLite database, but not one of the gateway: give it another data folder`,
    )
  }
  const applied = new Set(appliedTo(client))
  if (![...applied].every((when) => known.some(({ folderMillis }) => folderMillis === when))) {
    throw new StoreVersionError(
      `${file} was written by a newer version of the gateway: upgrade the gateway or restore a backup`,
    )
  }
  return known.filter(({ folderMillis }) => !applied.has(folderMillis))
}

const apply = (client: Database, migrations: readonly MigrationMeta[]): void => {
  client.pragma(`application_id = ${applicationId}`)
  client.exec(
    `create table if not exists ${migrationsTable} (id integer primary key, hash text not null, created_at integer)`,
  )
  const note = client.prepare(`insert into ${migrationsTable} (hash, created_at) values (?, ?)`)
  for (const { sql, hash, folderMillis } of migrations) {
    for (const statement of sql) client.exec(statement)
    note.run(hash, folderMillis)
  }
}

/**
 * Checks whose database it is before anything is written to it. Throws StoreVersionError, or what SQLite throws when
 * the file is locked.
 */
export const inspect = (client: Database, file: string): void => {
  try {
    missingIn(client, file, readMigrationFiles({ migrationsFolder }))
  } catch (error) {
    if (!isNoDatabase(error)) throw error
    throw new StoreVersionError(`${file} is no SQLite database: give the gateway another data folder`, {
      cause: error,
    })
  }
}

/** Applies what is missing, in one transaction that keeps out other processes which start at the same time. */
export const migrate = (client: Database, file: string): void => {
  const known = readMigrationFiles({ migrationsFolder })
  if (missingIn(client, file, known).length === 0) return
  client.transaction(() => apply(client, missingIn(client, file, known))).exclusive()
}
