/**
 * Drizzle as CommonJS. As ES modules Node reads the package's own package.json (180 KB) anew for each of its hundred
 * files, which is half the CPU time that it takes to start the API or the connector.
 */
import { createRequire } from 'node:module'
import type * as Orm from 'drizzle-orm'
import type * as Driver from 'drizzle-orm/better-sqlite3'
import type * as Migrator from 'drizzle-orm/migrator'
import type * as Core from 'drizzle-orm/sqlite-core'

const load = createRequire(import.meta.url)

export const {
  and,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  gte,
  inArray,
  is,
  isNotNull,
  isNull,
  lt,
  lte,
  max,
  min,
  ne,
  notInArray,
  or,
  Param,
  Placeholder,
  sql,
} = load('drizzle-orm') as typeof Orm
export const { blob, check, index, integer, primaryKey, real, sqliteTable, sqliteView, text, uniqueIndex } =
  load('drizzle-orm/sqlite-core') as typeof Core
export const { drizzle } = load('drizzle-orm/better-sqlite3') as typeof Driver
export const { readMigrationFiles } = load('drizzle-orm/migrator') as typeof Migrator
