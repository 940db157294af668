/** A pass through one table, a window of rows at a time, in search of those that name a person. */
import type { NewAuditEntry, Origin } from '../../domain/audit.ts'
import type { Naming } from '../../domain/naming.ts'
import type { Receipt } from './accounted.ts'
import type { Db } from './statements.ts'

export interface EraseContext {
  readonly naming: Naming
  readonly origin: Origin
  readonly now: number
  /** Writes a `person.erase` into the audit trail. */
  readonly trace: (after: NewAuditEntry['after']) => Receipt
}

/** What became of a row. `left`: it names the person and stayed, since it is on its way. */
export type Fate =
  | { readonly kind: 'untouched' }
  | { readonly kind: 'left' }
  | { readonly kind: 'erased'; readonly files?: readonly string[] }

export const untouched: Fate = { kind: 'untouched' }
export const left: Fate = { kind: 'left' }
export const erased: Fate = { kind: 'erased' }

export interface WindowResult {
  readonly erased: number
  readonly left: number
  readonly files: readonly string[]
  /** The last row that was looked at; null at the end of the table. */
  readonly last: number | null
}

/** Looks at the `limit` rows after `after`. */
export type Pass = (
  context: EraseContext,
  window: { readonly after: number; readonly limit: number },
) => WindowResult

export interface PassOptions<Row> {
  readonly table: string
  /** Those in which a person may be named. */
  readonly texts: readonly string[]
  readonly blobs?: readonly string[]
  /** What else `erase` must know, as SQL. */
  readonly more?: readonly string[]
  readonly where?: string
  readonly erase: (row: Row & { readonly rowid: number }, context: EraseContext) => Fate
}

/** So many rows of a window are erased in one transaction: with all that belongs to them they are many more. */
const matchesMax = 100

/** Digits stand in the statement as they are: they can be nothing else. */
export const finds = (
  digits: readonly string[],
  texts: readonly string[],
  blobs: readonly string[],
): string =>
  digits
    .flatMap((number) => [
      ...texts.map((column) => `instr(${column}, '${number}')`),
      ...blobs.map((column) => `instr(${column}, x'${Buffer.from(number).toString('hex')}')`),
    ])
    .join(' or ')

export const createPass = <Row>(
  { $client: client }: Db,
  { table, texts, blobs = [], more = [], where = '1', erase }: PassOptions<Row>,
): Pass => {
  const selectEnd = client
    .prepare<[number, number], number | null>(
      `select max(rowid) from (select rowid from ${table} where rowid > +? order by rowid limit +? + 0)`,
    )
    .pluck()
  return (context, { after, limit }) => {
    const end = selectEnd.get(after, limit) ?? null
    if (end === null) return { erased: 0, left: 0, files: [], last: null }
    const columns = ['rowid as rowid', ...texts, ...more].join(', ')
    const rows = client
      .prepare<[number, number], Row & { readonly rowid: number }>(
        `select ${columns} from ${table} where rowid > +? and rowid <= +? and ${where}
          and (${finds(context.naming.digits, texts, blobs)}) order by rowid limit ${matchesMax}`,
      )
      .all(after, end)
    const fates = rows.map((row) => erase(row, context))
    return {
      erased: fates.filter(({ kind }) => kind === 'erased').length,
      left: fates.filter(({ kind }) => kind === 'left').length,
      files: fates.flatMap((fate) => ('files' in fate ? fate.files : [])),
      last: rows.length < matchesMax ? end : (rows.at(-1)?.rowid ?? end),
    }
  }
}

/** Puts zeros in the place of the person in the named columns; says whether they stood there. */
export const createMask = (
  { $client: client }: Db,
  table: string,
  columns: readonly string[],
  /** What else is written then, as SQL. */
  more = '',
) => {
  const sets = columns.map((column) => `${column} = ?`).join(', ')
  const update = client.prepare(`update ${table} set ${sets}${more} where rowid = +?`)
  return (row: object & { readonly rowid: number }, { naming }: EraseContext): Fate => {
    const values = row as Readonly<Record<string, string | null>>
    const before = columns.map((column) => values[column] ?? null)
    if (!before.some(naming.isIn)) return untouched
    update.run(...before.map(naming.mask), row.rowid)
    return erased
  }
}
