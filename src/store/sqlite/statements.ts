/** Small helpers to write prepared Drizzle queries whose values are given by column name when they run. */
import type { BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import type { Placeholder as DrizzlePlaceholder, SQL } from 'drizzle-orm'
import type { Database } from 'better-sqlite3'
import { getTableColumns, is, Param, Placeholder, sql } from './drizzle.ts'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'

export type Db = BetterSQLite3Database & { readonly $client: Database }

/**
 * A parameter to compare a column with. Not a bare one: with an ORDER BY, SQLite plans by the values that such a one has, and
 * so compiles the statement anew each time that it is bound (`sqlite3VdbeSetVarmask`), which takes longer than most of
 * them run. The sign changes no value, not even that of a text, and no use of an index.
 */
export const param = (name: string): SQL => sql`+${sql.placeholder(name)}`

/**
 * What `limit` takes: a number, or the name of a parameter. Drizzle would make a bare parameter of both, with the same
 * consequence, and here a sign is not enough (`sqlite3ExprIsInteger`). The cast is for Drizzle's types: any SQL will do.
 */
export const upTo = (limit: number | string) =>
  (typeof limit === 'number'
    ? sql.raw(String(limit))
    : sql`${sql.placeholder(limit)} + 0`) as unknown as DrizzlePlaceholder

type Column<T extends SQLiteTable> = keyof T['$inferInsert'] & keyof T['_']['columns'] & string

/**
 * The values of a prepared insert: each column is a parameter of its own name. An autoincremented `seq` is left to
 * the database. The cast is Drizzle's own: `values` takes a placeholder for any column.
 */
export const everyColumn = <T extends SQLiteTable>(table: T): T['$inferInsert'] =>
  Object.fromEntries(
    Object.keys(getTableColumns(table))
      .filter((name) => name !== 'seq')
      .map((name) => [name, sql.placeholder(name)]),
  ) as T['$inferInsert']

/** The assignments of a prepared update: each named column is a parameter of its own name. */
export const assign = <T extends SQLiteTable, C extends Column<T>>(
  _table: T,
  ...columns: readonly C[]
): Record<C, SQL> =>
  Object.fromEntries(columns.map((name) => [name, sql`${sql.placeholder(name)}`])) as Record<C, SQL>

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

type Values = Readonly<Record<string, unknown>>

interface Query {
  toSQL(): { readonly sql: string; readonly params: readonly unknown[] }
}

/** A statement of Drizzle's making, and its values in their order. */
const compile = (db: Db, query: Query) => {
  const { sql: source, params } = query.toSQL()
  const given = params.map((given): { name: string } | { value: unknown } => {
    const value = is(given, Param) ? given.value : given
    return is(value, Placeholder) ? { name: value.name } : { value }
  })
  return {
    statement: db.$client.prepare<unknown[], unknown[]>(source),
    ordered: (values: Values): unknown[] =>
      given.map((one) => ('name' in one ? values[one.name] : one.value)),
  }
}

/**
 * A write that Drizzle has put into words and SQLite runs without it: for the statements of every request and message, of
 * which Drizzle's own `prepare` would make half as much again.
 */
export const directWrite = (db: Db, query: Query): ((values: Values) => void) => {
  const { statement, ordered } = compile(db, query)
  return (values) => void statement.run(ordered(values))
}

/** The same for an insert into a table with a `seq`: returns it. */
export const directInsert = (db: Db, query: Query): ((values: Values) => number) => {
  const { statement, ordered } = compile(db, query)
  return (values) => Number(statement.run(ordered(values)).lastInsertRowid)
}

const isGroup = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Makes the object that Drizzle would of a row: its columns are in the order of those that were selected. */
const readerOf = (columns: Values): ((row: readonly unknown[]) => unknown) => {
  const names = Object.keys(columns)
  const groups = Object.values(columns).map((column) => (isGroup(column) ? Object.keys(column) : undefined))
  return (row) => {
    const members: Record<string, unknown> = {}
    let at = 0
    for (const [index, name] of names.entries()) {
      const group = groups[index]
      if (group === undefined) members[name] = row[at++]
      else {
        const inner: Record<string, unknown> = {}
        for (const member of group) inner[member] = row[at++]
        members[name] = inner
      }
    }
    return members
  }
}

/**
 * The same for a select of one row; `columns` are those that were given to `select`, or groups of them. They must need no
 * decoding.
 */
export const directGet = <Row>(
  db: Db,
  columns: Values,
  query: Query & { get(): Row },
): ((values: Values) => Row) => {
  const { statement, ordered } = compile(db, query)
  statement.raw(true)
  const read = readerOf(columns)
  return (values) => {
    const row = statement.get(ordered(values))
    return (row === undefined ? undefined : read(row)) as Row
  }
}

/** The same for all rows of a select. */
export const directAll = <Row>(
  db: Db,
  columns: Values,
  query: Query & { all(): Row[] },
): ((values: Values) => Row[]) => {
  const { statement, ordered } = compile(db, query)
  statement.raw(true)
  const read = readerOf(columns)
  return (values) => statement.all(ordered(values)).map(read) as Row[]
}
