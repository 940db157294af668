import { sha256Hex } from '../../runtime/hash.ts'
import { finds, type Pass } from './erase-pass.ts'
import type { Db } from './statements.ts'

/** Entries of one `person.erase`. */
const entriesMax = 200

interface Match {
  readonly seq: number
  readonly before: string | null
  readonly after: string | null
  readonly target_id: string
}

export const entriesDigest = (seqs: readonly number[]): string => sha256Hex(seqs.join(','))

const texts = ['before', 'after', 'target_id']

/**
 * Entries that name the person lose what they say, and keep their hashes: the chain still holds. An entry for each batch tells
 * which they were, by a digest of their numbers.
 */
export const createEraseAudit = ({ $client: client }: Db): Pass => {
  const selectEnd = client
    .prepare<[number, number], number | null>(
      'select max(seq) from (select seq from audit_entries where seq > +? order by seq limit +? + 0)',
    )
    .pluck()
  const empty = client.prepare<[string, string, number]>(
    `update audit_entries set before = null, after = null, salt = null, address = null, target_id = ?, erased_by = ?
    where seq = +?`,
  )
  return ({ naming, trace }, { after, limit }) => {
    const end = selectEnd.get(after, limit) ?? null
    if (end === null) return { erased: 0, left: 0, files: [], last: null }
    const found = client
      .prepare<[number, number], Match>(
        `select seq, before, after, target_id from audit_entries
        where seq > +? and seq <= +? and erased_by is null and (${finds(naming.digits, texts, [])})
        order by seq limit ${entriesMax}`,
      )
      .all(after, end)
    const last = found.length < entriesMax ? end : (found.at(-1)?.seq ?? end)
    const rows = found.filter((row) => [row.before, row.after, row.target_id].some(naming.isIn))
    if (rows.length > 0) {
      const seqs = rows.map(({ seq }) => seq)
      const id = trace({ entries: rows.length, digest: entriesDigest(seqs) })
      for (const { seq, target_id: target } of rows) empty.run(naming.isIn(target) ? '' : target, id, seq)
    }
    return { erased: rows.length, left: 0, files: [], last }
  }
}
