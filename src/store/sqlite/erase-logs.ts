/** The traces of a person in what is kept beside the messages. */
import type { SettleDelivery } from './delivery-settling.ts'
import { erasedData } from './schema.ts'
import { createMask, createPass, erased, type Fate, left, type Pass, untouched } from './erase-pass.ts'
import type { Db } from './statements.ts'

/** A table with what people have done to messages: the person's own rows go, in the others zeros stand. */
export const createEraseActs = (db: Db, table: string, texts: readonly string[]): Pass => {
  const remove = db.$client.prepare<[number]>(`delete from ${table} where rowid = +?`)
  const mask = texts.length === 0 ? () => untouched : createMask(db, table, texts)
  return createPass<{ readonly by_pn: string | null; readonly by_lid: string | null }>(db, {
    table,
    texts: ['by_pn', 'by_lid', ...texts],
    erase(row, context) {
      if (!context.naming.isAddress(row.by_pn) && !context.naming.isAddress(row.by_lid))
        return mask(row, context)
      remove.run(row.rowid)
      return erased
    },
  })
}

export const createEraseTexts = (db: Db, table: string, texts: readonly string[]): Pass => {
  const mask = createMask(db, table, texts)
  return createPass(db, { table, texts, erase: mask })
}

export const createEraseBulks = (db: Db): Pass => {
  const mask = createMask(db, 'bulks', ['name', 'body', 'plan'])
  const dropKey = db.$client.prepare<[number]>(
    'update bulks set idempotency_key = null, request_hash = null where rowid = +?',
  )
  return createPass<{ readonly idempotency_key: string | null }>(db, {
    table: 'bulks',
    texts: ['name', 'body', 'plan', 'idempotency_key'],
    erase(row, context) {
      const masked = mask(row, context)
      if (!context.naming.isIn(row.idempotency_key)) return masked
      dropKey.run(row.rowid)
      return erased
    },
  })
}

interface JournalMatch {
  readonly stanza: string
  readonly stanza_key: string
  readonly plaintext: Uint8Array
  readonly promoted_at: number | null
}

/** What came in, as it was decrypted: kept for a while, in case WhatsApp brings it again. */
export const createEraseJournal = (db: Db): Pass => {
  const remove = db.$client.prepare<[number]>('delete from journal where rowid = +?')
  return createPass<JournalMatch>(db, {
    table: 'journal',
    texts: ['stanza', 'stanza_key'],
    blobs: ['plaintext'],
    more: ['promoted_at', 'plaintext'],
    erase(row, { naming }) {
      const bytes = Buffer.from(row.plaintext)
      const isNamed =
        naming.isIn(row.stanza) ||
        naming.isIn(row.stanza_key) ||
        naming.digits.some((digits) => bytes.includes(digits))
      if (!isNamed) return untouched
      if (row.promoted_at === null) return left
      remove.run(row.rowid)
      return erased
    },
  })
}

/**
 * Events that name the person keep their place, so that nobody's cursor is lost, and are told no more. Their deliveries are
 * cancelled, and what endpoints have answered to them goes.
 */
export const createEraseEvents = (db: Db, settle: SettleDelivery): Pass => {
  const { $client: client } = db
  const empty = client.prepare<[number]>(`update events set data = '${erasedData}' where rowid = +?`)
  const selectWaiting = client.prepare<
    [number],
    { seq: number; endpointId: string; deviceId: string | null }
  >(
    `select seq, endpoint_id as endpointId, device_id as deviceId from webhook_deliveries
    where event_seq = +? and state = 'waiting'`,
  )
  const dropAnswers = client.prepare<[number]>(
    `update webhook_attempts set response_head = null
    where delivery_id in (select id from webhook_deliveries where event_seq = +?)`,
  )
  const error = { code: 'erased', detail: 'a person in the event was erased' }
  return createPass<{ readonly data: string }>(db, {
    table: 'events',
    texts: ['data'],
    erase(row, { naming, now }) {
      if (!naming.isIn(row.data)) return untouched
      empty.run(row.rowid)
      for (const delivery of selectWaiting.all(row.rowid)) settle(delivery, 'cancelled', error, now)
      dropAnswers.run(row.rowid)
      return erased
    },
  })
}

export const createEraseNumbers = (db: Db): Pass => {
  const remove = db.$client.prepare<[number]>('delete from numbers where rowid = +?')
  return createPass<{ readonly number: string; readonly jid: string | null }>(db, {
    table: 'numbers',
    texts: ['number', 'jid'],
    erase(row, { naming }) {
      if (!naming.isIn(row.number) && !naming.isAddress(row.jid)) return untouched
      remove.run(row.rowid)
      return erased
    },
  })
}

/** Does a connector hold the device of the row? It has in its memory what it has learned. */
const isHeld = `exists (select 1 from leases where name = 'device/' || device_id and owner is not null) as isHeld`

interface AddressMatch {
  readonly pn: string
  readonly lid: string
  readonly isHeld: number
}

/** Like keys: while a connector holds the device, they stay. */
export const createEraseAddresses = (db: Db): Pass => {
  const remove = db.$client.prepare<[number]>('delete from addresses where rowid = +?')
  return createPass<AddressMatch>(db, {
    table: 'addresses',
    texts: ['pn', 'lid'],
    more: [isHeld],
    erase(row, { naming }) {
      if (!naming.isAddress(row.pn) && !naming.isAddress(row.lid)) return untouched
      if (row.isHeld === 1) return left
      remove.run(row.rowid)
      return erased
    },
  })
}

/** Those whose ids or values name people; ids of the others are numbers that could look like somebody's. */
const keyTypes = [
  'session',
  'identity-key',
  'sender-key',
  'sender-key-memory',
  'lid-mapping',
  'tctoken',
  'device-list',
  'device-list-cache',
  'push-name',
]
const ofPeople = `type in (${keyTypes.map((type) => `'${type}'`).join(', ')})`

interface KeyMatch {
  readonly key_id: string
  readonly json: string | null
  readonly isHeld?: number
}

/**
 * Signal sessions and keys. While a connector holds the device it has them in its memory too, and would write them back: they
 * stay then.
 */
export const createEraseKeys = (db: Db, table: 'auth_keys' | 'auth_quarantine'): Pass => {
  const remove = db.$client.prepare<[number]>(`delete from ${table} where rowid = +?`)
  const mask = createMask(db, table, ['json'])
  return createPass<KeyMatch>(db, {
    table,
    texts: ['key_id', 'json'],
    more: table === 'auth_keys' ? [isHeld] : [],
    where: ofPeople,
    erase(row, context): Fate {
      const { isIn } = context.naming
      if (!isIn(row.key_id) && !isIn(row.json)) return untouched
      if (row.isHeld === 1) return left
      if (!isIn(row.key_id)) return mask(row, context)
      remove.run(row.rowid)
      return erased
    },
  })
}
