import type { NumberStore } from '../numbers-store.ts'
import { unaudited } from './accounted.ts'
import { numbers } from './bulk-schema.ts'
import { eq } from './drizzle.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { directGet, directWrite, everyColumn, excluded, param, type Db } from './statements.ts'

export const createNumbers = (db: Db, engine: Engine, { fence }: { fence: Fence }): NumberStore => {
  const columns = { jid: numbers.jid, checkedAt: numbers.checkedAt }
  const select = directGet(
    db,
    columns,
    db
      .select(columns)
      .from(numbers)
      .where(eq(numbers.number, param('number'))),
  )
  const upsert = directWrite(
    db,
    db
      .insert(numbers)
      .values(everyColumn(numbers))
      .onConflictDoUpdate({ target: numbers.number, set: excluded(numbers, 'jid', 'checkedAt') }),
  )
  return {
    get: (number) => engine.read(() => select({ number })),
    note: (lease, number, { jid, checkedAt }) =>
      engine.writeQuietly(() => {
        fence(lease)
        return unaudited('cache', upsert({ number, jid, checkedAt }))
      }),
  }
}
