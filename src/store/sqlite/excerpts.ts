/** Where in a text it says what was looked for. An index of its own, in memory, tells: it cuts words as the real one does. */
import BetterSqlite from 'better-sqlite3'
import type { Excerpt } from '../../domain/search.ts'

/** Words in an excerpt, of which FTS5 allows 64. */
const excerptWords = 24

const hitStart = '\u0002'
const hitEnd = '\u0003'
const marks = new RegExp(`[${hitStart}${hitEnd}]`, 'g')

const partsOf = (marked: string): Excerpt =>
  marked
    .split(hitStart)
    .flatMap((piece, index) => {
      const [hit = '', rest] = piece.split(hitEnd)
      return index === 0 || rest === undefined
        ? [{ text: piece, hit: false }]
        : [
            { text: hit, hit: true },
            { text: rest, hit: false },
          ]
    })
    .filter(({ text }) => text !== '')

const open = () => {
  const client = new BetterSqlite(':memory:')
  client.exec(`create virtual table page using fts5(text, tokenize = 'unicode61 remove_diacritics 2')`)
  const insert = client.prepare<[number, string]>('insert into page (rowid, text) values (?, ?)')
  const clear = client.prepare('delete from page')
  const select = client
    .prepare<[string], [number, string]>(
      `select rowid, snippet(page, 0, char(2), char(3), '…', ${excerptWords}) from page where page match ?`,
    )
    .raw()
  return client.transaction((match: string, texts: ReadonlyMap<number, string>) => {
    for (const [seq, text] of texts) insert.run(seq, text.replaceAll(marks, ''))
    const found = select.all(match)
    clear.run()
    return found
  })
}

/** Gives, for a query of FTS5 and texts that it has found, the part of each that has the most of it. */
export const createExcerpts = () => {
  let search: ReturnType<typeof open> | undefined
  return (match: string, texts: ReadonlyMap<number, string>): ReadonlyMap<number, Excerpt> => {
    if (texts.size === 0) return new Map()
    search ??= open()
    return new Map(search(match, texts).map(([seq, marked]) => [seq, partsOf(marked)]))
  }
}
