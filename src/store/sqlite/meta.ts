import { unaudited } from './accounted.ts'
import { eq } from './drizzle.ts'
import type { Store } from '../store.ts'
import type { Engine } from './engine.ts'
import type { CheckRoom } from './room.ts'
import { meta } from './schema.ts'
import { everyColumn, excluded, param, type Db } from './statements.ts'

const networkKey = 'network'
const probeKey = 'probed_at'

export const createMeta = (
  db: Db,
  engine: Engine,
  checkRoom: CheckRoom,
): Pick<Store, 'claimNetwork' | 'probe'> => {
  const select = db
    .select({ value: meta.value })
    .from(meta)
    .where(eq(meta.key, param('key')))
    .prepare()
  const insert = db.insert(meta).values(everyColumn(meta)).onConflictDoNothing().prepare()
  const upsert = db
    .insert(meta)
    .values(everyColumn(meta))
    .onConflictDoUpdate({ target: meta.key, set: excluded(meta, 'value') })
    .prepare()
  return {
    claimNetwork: (network) =>
      engine.write(() => {
        insert.run({ key: networkKey, value: network })
        const { value } = select.get({ key: networkKey }) ?? {}
        return unaudited('gateway', value === 'loopback' ? 'loopback' : 'whatsapp')
      }),
    probe: (now) =>
      engine.write(() => {
        // On a full disk so small a write can still fit where sends do not.
        checkRoom(true)
        upsert.run({ key: probeKey, value: String(now) })
        return unaudited('gateway', undefined)
      }),
  }
}
