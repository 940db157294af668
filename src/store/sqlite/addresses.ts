import { unaudited } from './accounted.ts'
import { and, desc, eq, isNull, sql } from './drizzle.ts'
import type { Party } from '../../domain/jid.ts'
import type { AddressStore } from '../store.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import { addresses, messages } from './schema.ts'
import { assign, directGet, everyColumn, excluded, param, type Db, upTo } from './statements.ts'

export const createAddressQueries = (db: Db) => {
  const pn = { pn: addresses.pn }
  const pnOfLid = directGet(
    db,
    pn,
    db
      .select(pn)
      .from(addresses)
      .where(and(eq(addresses.deviceId, param('deviceId')), eq(addresses.lid, param('lid')))),
  )
  const lid = { lid: addresses.lid }
  const lidOfPn = directGet(
    db,
    lid,
    db
      .select(lid)
      .from(addresses)
      .where(and(eq(addresses.deviceId, param('deviceId')), eq(addresses.pn, param('pn'))))
      .orderBy(desc(addresses.learnedAt))
      .limit(upTo(1)),
  )
  return {
    complete: (deviceId: string, { pn, lid }: Party): Party => {
      if (pn === null && lid !== null) return { pn: pnOfLid({ deviceId, lid })?.pn ?? null, lid }
      if (lid === null && pn !== null) return { pn, lid: lidOfPn({ deviceId, pn })?.lid ?? null }
      return { pn, lid }
    },
    isKnown: (deviceId: string, { pn, lid }: { pn: string; lid: string }): boolean =>
      pnOfLid({ deviceId, lid })?.pn === pn && lidOfPn({ deviceId, pn })?.lid === lid,
  }
}

export type AddressQueries = ReturnType<typeof createAddressQueries>

export const createAddresses = (
  db: Db,
  engine: Engine,
  { fence, queries, queue }: { fence: Fence; queries: AddressQueries; queue: OutboxQueue },
): AddressStore => {
  const upsert = db
    .insert(addresses)
    .values(everyColumn(addresses))
    .onConflictDoUpdate({
      target: [addresses.deviceId, addresses.lid],
      set: excluded(addresses, 'pn', 'learnedAt'),
    })
    .prepare()
  const ofDevice = eq(messages.deviceId, param('deviceId'))
  const completions = [
    db
      .update(messages)
      .set(assign(messages, 'chatPn'))
      .where(and(ofDevice, eq(messages.chatLid, param('lid')), isNull(messages.chatPn))),
    db
      .update(messages)
      .set(assign(messages, 'chatLid'))
      .where(and(ofDevice, eq(messages.chatPn, param('pn')), sql`chat_lid is null`)),
    db
      .update(messages)
      .set(assign(messages, 'senderPn'))
      .where(and(ofDevice, eq(messages.senderLid, param('lid')), sql`sender_pn is null`)),
    db
      .update(messages)
      .set(assign(messages, 'senderLid'))
      .where(and(ofDevice, eq(messages.senderPn, param('pn')), sql`sender_lid is null`)),
  ].map((update) => update.prepare())

  return {
    learn: (lease, deviceId, pairs, now) =>
      engine.write(() => {
        fence(lease)
        for (const { pn, lid } of pairs) {
          if (queries.isKnown(deviceId, { pn, lid })) continue
          upsert.run({ deviceId, lid, pn, learnedAt: now })
          const values = { deviceId, pn, lid, chatPn: pn, chatLid: lid, senderPn: pn, senderLid: lid }
          for (const completion of completions) completion.run(values)
          queue.merge(deviceId, { from: lid, to: pn }, now)
        }
        return unaudited('cache', undefined)
      }),
    complete: (deviceId, party) => engine.read(() => queries.complete(deviceId, party)),
  }
}
