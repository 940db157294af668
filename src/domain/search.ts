/** What somebody looks for in messages. Whatever they type is a query, and never a syntax error. */
import { GatewayError } from './errors.ts'

export const searchCharsMax = 500
export const searchTermsMax = 32
/** Nearly all messages have words that begin with a certain letter: a single one stands for itself. */
export const searchPrefixCharsMin = 2

/** A word or a phrase; `prefix`: its last word may go on. */
export interface SearchTerm {
  readonly text: string
  readonly prefix: boolean
}

/** What a message must have all of, and nothing of. */
export interface SearchQuery {
  readonly all: readonly SearchTerm[]
  readonly none: readonly SearchTerm[]
}

/** A piece of a found message's text: some of it is what was looked for. */
export interface ExcerptPart {
  readonly text: string
  readonly hit: boolean
}
export type Excerpt = readonly ExcerptPart[]

/** `-` before and `*` after a word or a phrase in quotes; a quote that is never closed ends with the query. */
const termPattern = /(-?)(?:"([^"]*)"?|([^\s"]+))(\*?)/gu

/** What the index knows as letters of words (SQLite, fts5 `unicode61`): all else only separates them. */
const wordPattern = /[\p{L}\p{N}\p{Co}]/u
const lastWordPattern = /[\p{L}\p{M}\p{N}\p{Co}]+(?=[^\p{L}\p{N}\p{Co}]*$)/u

const refused = (detail: string): GatewayError => new GatewayError('invalid_query', `q ${detail}`)

/**
 * Reads a query: words, `"phrases"`, `-not`, `prefix*`. Signs that are in no word are passed over. Throws GatewayError
 * `invalid_query` when nothing to look for is left, or it is too long.
 */
export const parseSearch = (query: string): SearchQuery => {
  if (query.length > searchCharsMax) throw refused(`must not be longer than ${searchCharsMax} characters`)
  const readable = query.toWellFormed().replaceAll('\0', ' ')
  const terms = [...readable.matchAll(termPattern)].flatMap(([, minus, phrase, word = '', star]) => {
    const text = phrase ?? word
    if (!wordPattern.test(text)) return []
    const open = star === '*' || (phrase === undefined && word.endsWith('*'))
    const last = text.match(lastWordPattern)?.[0] ?? ''
    return [{ not: minus === '-', text, prefix: open && last.length >= searchPrefixCharsMin }]
  })
  if (terms.length > searchTermsMax) throw refused(`must not have more than ${searchTermsMax} words`)
  const side = (not: boolean): SearchTerm[] =>
    terms.filter((term) => term.not === not).map(({ text, prefix }) => ({ text, prefix }))
  const [all, none] = [side(false), side(true)]
  if (all.length === 0) {
    throw refused(
      none.length === 0
        ? 'has no word to look for'
        : 'says only what must not be there: it needs a word that must be',
    )
  }
  return { all, none }
}
