import { type ChainBreak, type Erasure, erasureOf, type StoredEntry } from '../domain/audit-chain.ts'
import { createSha256 } from '../runtime/hash.ts'

interface Marked {
  readonly digest: ReturnType<typeof createSha256>
  readonly first: number
  last: number
  entries: number
}

/**
 * Holds the entries that count as erased against those that say that they erased them: nobody may hide a change by calling it
 * an erasure.
 */
export const createErasures = () => {
  const marked = new Map<string, Marked>()
  const erasing = new Map<string, Erasure & { readonly seq: number }>()

  const mark = (seq: number, by: string): void => {
    const known = marked.get(by) ?? { digest: createSha256(), first: seq, last: seq, entries: 0 }
    known.digest.add(known.entries === 0 ? String(seq) : `,${seq}`)
    known.entries += 1
    known.last = seq
    marked.set(by, known)
  }

  const breakOf = (by: string, { digest, first, last, entries }: Marked, removed: number): ChainBreak[] => {
    const said = erasing.get(by)
    if (said === undefined || said.seq <= last) {
      const detail = `its content is erased by ${by}, which no later entry of action person.erase says`
      return [{ seq: first, id: null, kind: 'erased_without_entry', detail }]
    }
    // Of those that retention has removed since nobody knows which they were.
    const missing = said.entries - entries
    if (missing > 0 && missing <= removed) return []
    if (missing === 0 && digest.hex() === said.digest) return []
    const detail = `it says that it erased ${said.entries} entries, and others are marked (${entries})`
    return [{ seq: said.seq, id: by, kind: 'erasure_differs', detail }]
  }

  return {
    take({ seq, id, action, after, erasedBy }: StoredEntry): void {
      if (erasedBy !== null) return mark(seq, erasedBy)
      const said = action === 'person.erase' ? erasureOf(after) : null
      if (said !== null) erasing.set(id, { ...said, seq })
    },
    /** `removed`: so many entries are not kept any more. */
    breaks: (removed: number): readonly ChainBreak[] => [
      ...[...marked].flatMap(([by, entries]) => breakOf(by, entries, removed)),
      ...[...erasing].flatMap(([id, { seq, entries }]): ChainBreak[] => {
        if (marked.has(id) || entries <= removed) return []
        const detail = `it says that it erased ${entries} entries, and none is marked`
        return [{ seq, id, kind: 'erasure_differs', detail }]
      }),
    ],
  }
}
