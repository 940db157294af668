import type { NewAuditEntry } from '../../domain/audit.ts'
import type { Desired } from '../../domain/device.ts'
import { createNaming } from '../../domain/naming.ts'
import { sha256Hex } from '../../runtime/hash.ts'
import type { Erased, EraseStep, PeopleStore } from '../people-store.ts'
import { audited, unaudited, unchanged, type Receipt } from './accounted.ts'
import type { SettleDelivery } from './delivery-settling.ts'
import type { Engine } from './engine.ts'
import { createEraseAudit, entriesDigest } from './erase-audit.ts'
import { createEraseIndex } from './erase-index.ts'
import {
  createEraseActs,
  createEraseAddresses,
  createEraseBulks,
  createEraseEvents,
  createEraseJournal,
  createEraseKeys,
  createEraseNumbers,
  createEraseTexts,
} from './erase-logs.ts'
import { createEraseMessages } from './erase-messages.ts'
import { createEraseOperations, createEraseOutbox, createEraseRecipients } from './erase-outbox.ts'
import type { Pass, WindowResult } from './erase-pass.ts'
import type { FanOut } from './fan-out.ts'
import type { MessageRemoval } from './message-removal.ts'
import type { Cancel } from './outbox-cancel.ts'
import { createMetaRows } from './meta-rows.ts'
import type { OutboxQueue } from './outbox-queue.ts'
import type { Db } from './statements.ts'
import type { Tracer } from './trace.ts'

interface Deps {
  readonly tracer: Tracer
  readonly queue: OutboxQueue
  readonly cancel: Cancel
  readonly removal: MessageRemoval
  readonly fanOut: FanOut
  readonly settleDelivery: SettleDelivery
}

/** In this order: what would bring new traces comes first, and last the addresses, by which an erasure is begun again. */
const passNames = [
  'bulkRecipients',
  'outbox',
  'bulks',
  'messages',
  'reactions',
  'votes',
  'receipts',
  'changes',
  'files',
  'operations',
  'journal',
  'events',
  'attempts',
  'deliveries',
  'endpoints',
  'numbers',
  'keys',
  'keysSetAside',
  'auditEntries',
  'searchIndex',
  'addresses',
] as const
type PassName = (typeof passNames)[number]

interface Cursor {
  readonly pass: number
  readonly after: number
}

const nothingFound: WindowResult = { erased: 0, left: 0, files: [], last: null }

/** Every process goes by what the filters of endpoints say from then on. */
const createEraseEndpoints = (db: Db, fanOut: FanOut): Pass => {
  const pass = createEraseTexts(db, 'webhook_endpoints', ['filter', 'description'])
  return (context, window) => {
    const result = pass(context, window)
    if (result.erased > 0) fanOut.changed(context.now)
    return result
  }
}

const createPasses = (
  db: Db,
  { queue, cancel, removal, fanOut, settleDelivery }: Omit<Deps, 'tracer'>,
): Readonly<Record<PassName, Pass>> => ({
  bulkRecipients: createEraseRecipients(db),
  outbox: createEraseOutbox(db, { queue, cancel }),
  bulks: createEraseBulks(db),
  messages: createEraseMessages(db, removal),
  reactions: createEraseActs(db, 'reactions', []),
  votes: createEraseActs(db, 'poll_votes', ['options']),
  receipts: createEraseActs(db, 'receipts', []),
  changes: createEraseActs(db, 'message_changes', ['text', 'body']),
  files: createEraseTexts(db, 'media', ['filename', 'error_detail']),
  operations: createEraseOperations(db),
  journal: createEraseJournal(db),
  events: createEraseEvents(db, settleDelivery),
  attempts: createEraseTexts(db, 'webhook_attempts', ['response_head', 'error_detail']),
  deliveries: createEraseTexts(db, 'webhook_deliveries', ['error_detail']),
  endpoints: createEraseEndpoints(db, fanOut),
  numbers: createEraseNumbers(db),
  keys: createEraseKeys(db, 'auth_keys'),
  keysSetAside: createEraseKeys(db, 'auth_quarantine'),
  auditEntries: createEraseAudit(db),
  searchIndex: createEraseIndex(db),
  addresses: createEraseAddresses(db),
})

/** What all runs of an erasure have erased, until it is over. */
const createProgress = (db: Db) => {
  const rows = createMetaRows(db)
  const keyOf = (subject: string): string => `erasure_${subject}`
  return {
    /** Undefined when none has begun. */
    read: (subject: string): Erased | undefined => {
      const text = rows.read(keyOf(subject))
      return text === undefined ? undefined : (JSON.parse(text) as Erased)
    },
    write: (subject: string, total: Erased): void => rows.write(keyOf(subject), JSON.stringify(total)),
    clear: (subject: string): void => rows.remove(keyOf(subject)),
  }
}

/** Who has which address, as any device has learned it. */
const createAddressBook = ({ $client: client }: Db) => {
  interface DeviceRow {
    readonly id: string
    readonly desired: Desired
    readonly pn: string | null
    readonly lid: string | null
  }
  const selectDevices = client.prepare<[], DeviceRow>(
    'select id, desired, account_pn as pn, account_lid as lid from devices order by id',
  )
  const selectPn = client
    .prepare<[string, string], string>('select pn from addresses where device_id = +? and lid = +?')
    .pluck()
  /** The newest: a number may have been somebody else's before. */
  const selectLid = client
    .prepare<[string, string], string>(
      'select lid from addresses where device_id = +? and pn = +? order by learned_at desc limit 1',
    )
    .pluck()
  const others = (address: string): readonly string[] =>
    selectDevices.all().flatMap(({ id }) => selectPn.get(id, address) ?? selectLid.get(id, address) ?? [])
  return {
    all: (address: string): readonly string[] => {
      const found = new Set([address])
      for (const known of found) for (const other of others(known)) found.add(other)
      // The phone number first: all runs of an erasure must agree on what the person is called.
      return [...found].toSorted(
        (a, b) => Number(a.endsWith('@lid')) - Number(b.endsWith('@lid')) || (a < b ? -1 : 1),
      )
    },
    ownDevice: (addresses: readonly string[]): string | undefined =>
      selectDevices
        .all()
        .find(
          ({ desired, pn, lid }) =>
            desired !== 'removed' && [pn, lid].some((own) => own !== null && addresses.includes(own)),
        )?.id,
  }
}

export const createPeople = (db: Db, engine: Engine, { tracer, ...deps }: Deps): PeopleStore => {
  const passes = createPasses(db, deps)
  const progress = createProgress(db)
  const book = createAddressBook(db)
  const first: Cursor = { pass: 0, after: 0 }

  return {
    addressesOf: (address) => engine.read(() => book.all(address)),
    ownDevice: (addresses) => engine.read(() => book.ownDevice(addresses)),
    erase: (addresses, { cursor, limit }, origin, now) =>
      engine.write(() => {
        // What is deleted is overwritten with zeros: the file would keep it for who can read pages.
        db.$client.pragma('secure_delete = on')
        const [subject = '', ...others] = addresses.map(sha256Hex)
        const trace = (after: NewAuditEntry['after']): Receipt =>
          tracer.audit(
            { origin, action: 'person.erase', target: { kind: 'person', id: subject }, before: null, after },
            now,
          )
        const { pass, after } = cursor === null ? first : (JSON.parse(cursor) as Cursor)
        const name = passNames[pass]
        const known = progress.read(subject)
        if (name === undefined) {
          const done: EraseStep = { erased: known ?? {}, files: [], left: 0, pass: null, next: null }
          if (known === undefined) return unchanged(done)
          progress.clear(subject)
          return audited(trace({ entries: 0, digest: entriesDigest([]), also: others, erased: known }), done)
        }
        const context = { naming: createNaming(addresses), origin, now, trace }
        // A merge of the whole index is much work, and there is nothing in it of who never wrote or was written of.
        const isSkipped = name === 'searchIndex' && known?.['messages'] === undefined
        const step = isSkipped ? nothingFound : passes[name](context, { after, limit })
        const total = { ...known, [name]: (known?.[name] ?? 0) + step.erased }
        if (step.erased > 0) {
          if (known === undefined)
            trace({ entries: 0, digest: entriesDigest([]), also: others, erased: null })
          progress.write(subject, total)
        }
        const next: Cursor = step.last === null ? { pass: pass + 1, after: 0 } : { pass, after: step.last }
        return unaudited('step', {
          erased: known ?? {},
          files: step.files,
          left: step.left,
          pass: name,
          next: JSON.stringify(next),
        })
      }),
  }
}
