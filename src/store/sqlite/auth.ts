import { audited, unaudited } from './accounted.ts'
import { and, eq, sql } from './drizzle.ts'
import type { AuthStore, JournalRow, KeyChanges } from '../store.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { authCreds, authKeys, authQuarantine, journal } from './schema.ts'
import { directGet, directWrite, everyColumn, excluded, param, type Db } from './statements.ts'
import type { Tracer } from './trace.ts'

export const createAuth = (
  db: Db,
  engine: Engine,
  { fence, tracer }: { fence: Fence; tracer: Tracer },
): AuthStore => {
  const ofDevice = eq(authKeys.deviceId, param('deviceId'))
  const ofKey = and(ofDevice, eq(authKeys.type, param('type')), eq(authKeys.keyId, param('keyId')))
  const credsOfDevice = eq(authCreds.deviceId, param('deviceId'))

  const selectCreds = db.select({ creds: authCreds.creds }).from(authCreds).where(credsOfDevice).prepare()
  const upsertCreds = db
    .insert(authCreds)
    .values(everyColumn(authCreds))
    .onConflictDoUpdate({ target: authCreds.deviceId, set: excluded(authCreds, 'creds', 'updatedAt') })
    .prepare()
  const values = { bytes: authKeys.bytes, json: authKeys.json }
  const selectKey = directGet(db, values, db.select(values).from(authKeys).where(ofKey))
  const upsertKey = directWrite(
    db,
    db
      .insert(authKeys)
      .values(everyColumn(authKeys))
      .onConflictDoUpdate({
        target: [authKeys.deviceId, authKeys.type, authKeys.keyId],
        set: excluded(authKeys, 'bytes', 'json', 'updatedAt'),
      }),
  )
  const deleteKey = directWrite(db, db.delete(authKeys).where(ofKey))
  const deleteCreds = db.delete(authCreds).where(credsOfDevice).prepare()
  const deleteKeys = db.delete(authKeys).where(ofDevice).prepare()
  const insertJournal = directWrite(db, db.insert(journal).values(everyColumn(journal)).onConflictDoNothing())
  const plaintext = { plaintext: journal.plaintext }
  const selectJournaled = directGet(
    db,
    plaintext,
    db
      .select(plaintext)
      .from(journal)
      .where(and(eq(journal.deviceId, param('deviceId')), eq(journal.hash, param('hash')))),
  )
  const quarantineCreds = db
    .insert(authQuarantine)
    .select(
      db
        .select({
          seq: sql<number>`null`.as('seq'),
          deviceId: authCreds.deviceId,
          at: sql<number>`${param('now')}`.as('at'),
          reason: sql<string>`${param('reason')}`.as('reason'),
          type: sql<string | null>`null`.as('type'),
          keyId: sql<string | null>`null`.as('key_id'),
          bytes: sql<Uint8Array | null>`null`.as('bytes'),
          json: authCreds.creds,
        })
        .from(authCreds)
        .where(credsOfDevice),
    )
    .prepare()
  const quarantineKeys = db
    .insert(authQuarantine)
    .select(
      db
        .select({
          seq: sql<number>`null`.as('seq'),
          deviceId: authKeys.deviceId,
          at: sql<number>`${param('now')}`.as('at'),
          reason: sql<string>`${param('reason')}`.as('reason'),
          type: authKeys.type,
          keyId: authKeys.keyId,
          bytes: authKeys.bytes,
          json: authKeys.json,
        })
        .from(authKeys)
        .where(ofDevice),
    )
    .prepare()

  const writeKeys = (deviceId: string, changes: KeyChanges, now: number): void => {
    for (const [type, rows] of Object.entries(changes)) {
      for (const [keyId, value] of Object.entries(rows)) {
        if (value === null) deleteKey({ deviceId, type, keyId })
        else {
          const [bytes, json] = typeof value === 'string' ? [null, value] : [value, null]
          upsertKey({ deviceId, type, keyId, bytes, json, updatedAt: now })
        }
      }
    }
  }

  const remove = (deviceId: string): void => {
    deleteCreds.run({ deviceId })
    deleteKeys.run({ deviceId })
  }

  const writeJournal = (deviceId: string, row: JournalRow, now: number): void => {
    insertJournal({ ...row, deviceId, journaledAt: now, promotedAt: null })
  }

  return {
    creds: (deviceId) => engine.read(() => selectCreds.get({ deviceId })?.creds),
    saveCredsNow: (lease, deviceId, creds, now) =>
      engine.writeNow(() => {
        fence(lease)
        upsertCreds.run({ deviceId, creds, updatedAt: now })
        return unaudited('keys', undefined)
      }),
    keys: (deviceId, type, ids) =>
      engine.read(() => {
        const found = new Map<string, Uint8Array | string>()
        for (const keyId of ids) {
          const row = selectKey({ deviceId, type, keyId })
          const value = row?.bytes ?? row?.json
          if (value !== undefined && value !== null) found.set(keyId, value)
        }
        return found
      }),
    commit: (lease, deviceId, changes, row, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        writeKeys(deviceId, changes, now)
        if (row !== null) writeJournal(deviceId, row, now)
        return unaudited('keys', undefined)
      }),
    journaled: (deviceId, hash) => engine.read(() => selectJournaled({ deviceId, hash })?.plaintext),
    wipe: (lease, deviceId, audit, now) =>
      engine.write(() => {
        fence(lease)
        remove(deviceId)
        return audited(tracer.audit(audit, now), undefined)
      }),
    quarantine: (lease, deviceId, reason, audit, now) =>
      engine.write(() => {
        fence(lease)
        quarantineCreds.run({ deviceId, reason, now })
        quarantineKeys.run({ deviceId, reason, now })
        remove(deviceId)
        return audited(tracer.audit(audit, now), undefined)
      }),
  }
}
