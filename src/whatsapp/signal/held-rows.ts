import type { KeyChanges } from '../../store/store.ts'

type Value = KeyChanges[string][string]

/**
 * The rows of one device that the store does not have yet, in their newest form: those that are being written, and those
 * of sessions that nothing was encrypted or decrypted with yet, which wait for the next write. Lost in a crash, the latter
 * are made again.
 */
export interface HeldRows {
  /** Rows that may wait. False when too many are held: then they are to be written. */
  add(changes: KeyChanges): boolean
  /** Undefined for a row that is not held; null for one that is deleted. */
  get(type: string, id: string): Value | undefined
  /** What is to be written: the changes, and all that waits. It is held until `written` is called. */
  begin(changes: KeyChanges): { readonly all: KeyChanges; readonly written: () => void }
  /** More should not be begun before something is written. */
  readonly isFull: boolean
}

export const heldRowsMax = 1_000

interface Entry {
  readonly value: Value
  readonly isWaiting: boolean
}

type Row = readonly [type: string, id: string, value: Value]

const rowsIn = (changes: KeyChanges): readonly Row[] =>
  Object.entries(changes).flatMap(([type, rows]) =>
    Object.entries(rows).map(([id, value]): Row => [type, id, value]),
  )

export const createHeldRows = (): HeldRows => {
  const held = new Map<string, Map<string, Entry>>()
  let count = 0
  let waiting = 0

  const put = (type: string, id: string, entry: Entry): void => {
    const rows = held.get(type) ?? new Map<string, Entry>()
    held.set(type, rows)
    const before = rows.get(id)
    if (before === undefined) count += 1
    waiting += Number(entry.isWaiting) - Number(before?.isWaiting ?? false)
    rows.set(id, entry)
  }
  /** Not what has become of it meanwhile. */
  const drop = (type: string, id: string, entry: Entry): void => {
    const rows = held.get(type)
    if (rows?.get(id) === entry && rows.delete(id)) count -= 1
  }
  const waitingRows = (): readonly Row[] =>
    waiting === 0
      ? []
      : [...held].flatMap(([type, rows]) =>
          [...rows].flatMap(([id, { value, isWaiting }]) => (isWaiting ? [[type, id, value]] : [])),
        )

  return {
    add(changes) {
      const rows = rowsIn(changes)
      if (count + rows.length > heldRowsMax) return false
      for (const [type, id, value] of rows) put(type, id, { value, isWaiting: true })
      return true
    },
    get: (type, id) => held.get(type)?.get(id)?.value,
    begin(changes) {
      const all: Record<string, Record<string, Value>> = {}
      const entries: (readonly [string, string, Entry])[] = []
      const write = ([type, id, value]: Row): void => {
        const entry: Entry = { value, isWaiting: false }
        put(type, id, entry)
        entries.push([type, id, entry])
        ;(all[type] ??= {})[id] = value
      }
      // The changes come first: what waited in an older form of theirs does not any more.
      for (const row of rowsIn(changes)) write(row)
      for (const row of waitingRows()) write(row)
      return {
        all,
        written() {
          for (const [type, id, entry] of entries) drop(type, id, entry)
        },
      }
    },
    get isFull() {
      return count >= heldRowsMax
    },
  }
}
