/** Defects that a test plants into the gateway, each of a kind that the simulation is there to find. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import type { Lease } from '../../../src/domain/lease.ts'
import { openStore } from '../../../src/store/sqlite/open.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Defect } from './simulate.ts'

type Verb = (...given: unknown[]) => unknown
type Part = 'devices' | 'outbox' | 'messages' | 'auth' | 'inbound'

/** The store with other verbs in one of its parts. */
const changed = <P extends Part>(store: Store, part: P, verbs: Partial<Store[P]>): Store => ({
  ...store,
  [part]: { ...store[part], ...verbs },
})

/** A database with a trigger that does what a wrong statement would. */
const withTrigger = (sql: string): Defect => ({
  async open(clock) {
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-sim-'))
    const file = path.join(folder, 'gateway.db')
    const store = await openStore({ file, clock })
    const client = new BetterSqlite(file)
    client.exec(sql)
    client.close()
    return {
      ...store,
      async close() {
        await store.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
})

const noFence = (store: Store): Store => {
  const parts = ['devices', 'messages', 'outbox', 'auth', 'inbound'] as const
  const unfenced = parts.map((part) => {
    const verbs = Object.entries(store[part] as unknown as Record<string, Verb>).map(([name, real]) => [
      name,
      (...given: unknown[]): unknown => {
        const [lease, ...rest] = given
        if (typeof lease !== 'object' || lease === null || !('epoch' in lease)) return real(...given)
        const write = async (): Promise<unknown> =>
          real((await store.leases.get((lease as Lease).name)) ?? lease, ...rest)
        return name === 'saveCredsNow' ? real(...given) : write()
      },
    ])
    return [part, Object.fromEntries(verbs)]
  })
  return { ...store, ...(Object.fromEntries(unfenced) as Pick<Store, (typeof parts)[number]>) }
}

/** By what is wrong: the defect, and what must be said of it. */
export const defects: Readonly<Record<string, { readonly plant: Defect; readonly says: RegExp }>> = {
  'writes of a stale lease are taken': {
    plant: { around: noFence },
    says: /was written, and is stale|ratchet step/,
  },
  'a receipt sets a status back': {
    plant: withTrigger(`
      create trigger back after update of status on messages when old.status = 'delivered' and new.status = 'read'
      begin update messages set status = 'sent' where id = new.id; end`),
    says: /went back from delivered to sent/,
  },
  'the newest message of a chat has the turn': {
    plant: withTrigger(`
      create trigger newest after insert on outbox when new.due_at is null
        and not exists (select 1 from outbox where chat = new.chat and state = 'sending')
      begin
        update outbox set due_at = null where chat = new.chat;
        update outbox set due_at = new.created_at where seq = new.seq;
      end`),
    says: /was claimed before .* was settled/,
  },
  'receipts are not audited': {
    plant: withTrigger(`
      create trigger unaudited before insert on audit_entries when new.action = 'message.receipt'
      begin select raise(ignore); end`),
    says: /audit entries of message.receipt are missing/,
  },
  'an event is not written': {
    plant: withTrigger(`
      create trigger untold before insert on events when new.type = 'message.delivered'
      begin select raise(ignore); end`),
    says: /events are missing/,
  },
  'an event is taken back': {
    plant: withTrigger(`
      create trigger gap after insert on events when new.seq % 20 = 0
      begin delete from events where seq = new.seq; end`),
    says: /event \d+ follows event|was given event|events are missing/,
  },
  'what is unknown counts as sent': {
    plant: { port: { unknownAsAcked: true } },
    says: /and WhatsApp has never had it/,
  },
  'an idempotency key is forgotten': {
    plant: {
      around: (store) =>
        changed(store, 'outbox', {
          enqueue: ({ message }, ...rest) => store.outbox.enqueue({ message }, ...rest),
        }),
    },
    says: /was accepted twice|was answered with/,
  },
  'what another epoch left in flight is not queued again': {
    plant: {
      around: (store) =>
        changed(store, 'outbox', {
          // Fenced as ever: it only does nothing.
          recover: async (lease, id, _origin, now) => {
            await store.auth.commit(lease, id, {}, null, now)
            return 0
          },
        }),
    },
    says: /has not come to rest: message M\d+ is sending/,
  },
  'the receipt leaves before the journal is written': {
    plant: { port: { receiptFirst: true } },
    says: /inbound IN\d+ from \S+ is lost/,
  },
  'frames are written without a look at the lease': {
    plant: { port: { writesWithoutLease: true } },
    says: /wrote \w+ in epoch \d+, the newest is/,
  },
  'the ratchet is not stored before the frame leaves': {
    plant: {
      around: (store) =>
        changed(store, 'auth', {
          commit: (lease, id, changes, journal, now) =>
            store.auth.commit(lease, id, journal === null ? {} : changes, journal, now),
        }),
    },
    says: /ratchet step \d+ of \S+ was used for/,
  },
  'a probe is always answered': {
    plant: { port: { probeLies: true } },
    says: /shown as connected for \d+ ms without a session/,
  },
  'every other process is taken for dead': {
    plant: { allDead: true },
    says: /took \S+ while \S+ held it/,
  },
}
