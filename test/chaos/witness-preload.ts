/**
 * Loaded into a connector before anything else (`node --import`): gives each of its database connections two functions
 * that SQLite lacks, so that triggers can tell which process writes, and when.
 */
import BetterSqlite, { type Database } from 'better-sqlite3'
import { systemClock } from '../../src/runtime/clock.ts'

const known = new WeakSet<Database>()
const { prototype } = BetterSqlite
const prepare = Reflect.get(prototype, 'prepare') as (this: Database, sql: string) => unknown

const know = (database: Database): void => {
  if (known.has(database)) return
  known.add(database)
  // The driver is built to distrust functions in triggers.
  database.pragma('trusted_schema = on')
  database.function('chaos_pid', () => process.pid)
  database.function('chaos_now', () => systemClock.monotonic())
}

Reflect.set(prototype, 'prepare', function (this: Database, sql: string) {
  know(this)
  return prepare.call(this, sql)
})
