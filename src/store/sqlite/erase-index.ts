import type { Pass } from './erase-pass.ts'
import type { Db } from './statements.ts'

/** Pages that one transaction writes. */
const mergePages = 64

/**
 * The search index forgets the words of what was removed only when it merges its parts; until then it marks them. Merges all
 * of it, some pages at a time.
 */
export const createEraseIndex = ({ $client: client }: Db): Pass => {
  const merge = client.prepare<[number]>(
    `insert into message_search (message_search, rank) values ('merge', ?)`,
  )
  const changes = client.prepare<[], number>('select total_changes()').pluck()
  return (_context, { after }) => {
    const before = changes.get() ?? 0
    // A negative number begins a merge of all parts, a positive one goes on with it.
    merge.run(after === 0 ? -mergePages : mergePages)
    // SQLite counts one change for a merge that had nothing to do.
    const isOver = after > 0 && (changes.get() ?? 0) - before < 2
    return { erased: 0, left: 0, files: [], last: isOver ? null : after + 1 }
  }
}
