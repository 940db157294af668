import type { SignalKeyStore } from '@whiskeysockets/baileys'
import { boundedMap } from '../caches.ts'

const nameType = 'push-name'
/** Names that are held in memory; the others are read from the store. */
const inMemoryMax = 5_000

/**
 * What people call themselves, kept in the store: every message brings the name of who wrote it, and only one that has
 * changed since the last is news.
 */
export const createPushNames = (keys: SignalKeyStore) => {
  // Baileys' types name only the key types that it uses itself; the store takes any.
  const rows = keys as unknown as {
    get(type: string, ids: string[]): Promise<Record<string, string | undefined>>
    set(data: Record<string, Record<string, string>>): Promise<void>
  }
  const names = boundedMap<Promise<string | undefined>>(inMemoryMax)
  const read = async (person: string): Promise<string | undefined> =>
    (await rows.get(nameType, [person]))[person]
  return {
    /** Is it another than before? False for the first that is heard of a person. */
    async isNew(person: string, name: string): Promise<boolean> {
      const known = names.get(person) ?? read(person)
      names.set(person, Promise.resolve(name))
      const before = await known
      if (before === name) return false
      await rows.set({ [nameType]: { [person]: name } })
      return before !== undefined
    },
  }
}
