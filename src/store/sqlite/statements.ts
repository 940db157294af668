/** Small helpers to write prepared Drizzle queries whose values are given by column name when they run. */
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { SQL } from 'drizzle-orm'
import { getTableColumns, sql } from './drizzle.ts'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'

export type Db = BetterSQLite3Database

export const param = (name: string) => sql.placeholder(name)

type Column<T extends SQLiteTable> = keyof T['$inferInsert'] & keyof T['_']['columns'] & string

/**
 * The values of a prepared insert: each column is a parameter of its own name. An autoincremented `seq` is left to
 * the database. The cast is Drizzle's own: `values` takes a placeholder for any column.
 */
export const everyColumn = <T extends SQLiteTable>(table: T): T['$inferInsert'] =>
  Object.fromEntries(
    Object.keys(getTableColumns(table))
      .filter((name) => name !== 'seq')
      .map((name) => [name, param(name)]),
  ) as T['$inferInsert']

/** The assignments of a prepared update: each named column is a parameter of its own name. */
export const assign = <T extends SQLiteTable, C extends Column<T>>(
  _table: T,
  ...columns: readonly C[]
): Record<C, SQL> => Object.fromEntries(columns.map((name) => [name, sql`${param(name)}`])) as Record<C, SQL>

/** The assignments of an upsert: each named column takes the value that was to be inserted. */
export const excluded = <T extends SQLiteTable, C extends Column<T>>(
  table: T,
  ...columns: readonly C[]
): Record<C, SQL> => {
  const all = getTableColumns(table)
  return Object.fromEntries(
    columns.map((name) => [name, sql.raw(`excluded."${all[name]?.name ?? name}"`)]),
  ) as Record<C, SQL>
}
