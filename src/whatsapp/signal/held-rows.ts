import type { KeyChanges } from '../../store/store.ts'

type Value = KeyChanges[string][string]

/** Rows of sessions that nothing was encrypted or decrypted with yet: lost in a crash, they are made again. */
export interface HeldRows {
  /** False when there are too many to hold more: then they are to be committed. */
  add(changes: KeyChanges): boolean
  /** Undefined for a row that is not held; null for one that is to be deleted. */
  get(type: string, id: string): Value | undefined
  /** Writes what is held together with newer changes. It is held until that is done: the store does not have it before. */
  writeWith(changes: KeyChanges, write: (all: KeyChanges) => Promise<void>): Promise<void>
}

const rowsMax = 1_000

export const createHeldRows = (): HeldRows => {
  const held = new Map<string, Map<string, Value>>()
  let count = 0

  const put = (type: string, id: string, value: Value): void => {
    const rows = held.get(type) ?? new Map<string, Value>()
    held.set(type, rows)
    if (!rows.has(id)) count += 1
    rows.set(id, value)
  }
  /** Not what has become of it meanwhile. */
  const drop = (type: string, id: string, value: Value): void => {
    const rows = held.get(type)
    if (rows?.get(id) !== value || !rows.delete(id)) return
    count -= 1
  }

  return {
    add(changes) {
      const more = Object.values(changes).reduce((sum, rows) => sum + Object.keys(rows).length, 0)
      if (count + more > rowsMax) return false
      for (const [type, rows] of Object.entries(changes)) {
        for (const [id, value] of Object.entries(rows)) put(type, id, value)
      }
      return true
    },
    get: (type, id) => held.get(type)?.get(id),
    async writeWith(changes, write) {
      if (count === 0) return write(changes)
      const all: Record<string, Record<string, Value>> = {}
      for (const [type, rows] of Object.entries(changes)) all[type] = { ...rows }
      for (const [type, rows] of held) {
        const newer = (all[type] ??= {})
        for (const [id, value] of rows) {
          if (id in newer) rows.set(id, newer[id] ?? null)
          else newer[id] = value
        }
      }
      await write(all)
      for (const [type, rows] of Object.entries(all)) {
        for (const [id, value] of Object.entries(rows)) drop(type, id, value)
      }
    },
  }
}
