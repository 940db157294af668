import { createHash } from 'node:crypto'
import {
  DEFAULT_CONNECTION_CONFIG,
  isHostedLidUser,
  isHostedPnUser,
  isLidUser,
  isPnUser,
  jidDecode,
  type SignalAuthState,
  type SignalRepositoryWithLIDStore,
} from '@whiskeysockets/baileys'
import {
  GroupCipher,
  GroupSessionBuilder,
  ProtocolAddress,
  SenderKeyDistributionMessage,
  SenderKeyName,
  SessionBuilder,
  SessionCipher,
} from 'whatsapp-rust-bridge'
import type { Lock } from '../../runtime/lock.ts'
import { createAddresses, moveSession, rowsAt, type SessionPlace } from './addresses.ts'
import { Changeset, type OwnKeys, type Rows } from './changeset.ts'
import { freeing } from './engine.ts'
import { isDuplicate } from './errors.ts'
import { createOperations, type Journaling, type SignalRows, type SignalStore } from './operations.ts'
import {
  hasOpenState,
  isReadable,
  joinRecord,
  parsePreKeyMessage,
  sessionInfo,
  splitRecord,
} from './record.ts'

/** Where a ciphertext came from; the journal's row is made from it. */
export interface StanzaPart {
  readonly id: string
  readonly from: string
  readonly participant: string | undefined
  readonly stanzaKey: string
  readonly stanza: string
  readonly part: number
  readonly parts: number
}

export interface RepositoryOptions {
  readonly store: SignalStore
  /** One for everything that changes the Signal state of the account; never held over the network. */
  readonly lock: Lock
  readonly own: () => OwnKeys
  /** The stanza that a ciphertext came in; undefined when it was not seen on the wire. */
  readonly stanzaOf: (ciphertext: Uint8Array) => StanzaPart | undefined
  /** After a plaintext is durable. */
  readonly onJournaled: (part: StanzaPart) => void
  /** A ciphertext that could not be decrypted; awaited before Baileys hears of it. */
  readonly onUndecryptable: (part: StanzaPart, error: Error) => Promise<void>
}

const identityKeyLength = 33

const isPhone = (jid: string): boolean => isPnUser(jid) === true || isHostedPnUser(jid) === true

const same = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && Buffer.compare(a, b) === 0

/**
 * Baileys' signal repository on whatsapp-rust-bridge. Each operation is: take the account's lock, read its rows,
 * compute, begin to commit all rows and the journal row in one transaction, and resolve. The frames and receipts that follow
 * from it wait for that commit (frame-gate.ts), and a decrypted message cannot be lost between ratchet and handler.
 */
export const createSignalRepository =
  ({ store, lock, own, stanzaOf, onJournaled, onUndecryptable }: RepositoryOptions) =>
  (
    auth: SignalAuthState,
    logger: Parameters<typeof DEFAULT_CONNECTION_CONFIG.makeSignalRepository>[1],
    pnToLid: Parameters<typeof DEFAULT_CONNECTION_CONFIG.makeSignalRepository>[2],
  ): SignalRepositoryWithLIDStore => {
    // The stock repository is made for its LID mapping and its way to write addresses; none of its ciphers is used.
    const base = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(auth, logger, pnToLid)
    const { addressOf, placeOf, placesOf, senderKeyId } = createAddresses(base)

    const operation = createOperations(store, lock)

    const bytes = async (
      from: SignalRows,
      type: 'session' | 'sender-key' | 'identity-key',
      ids: readonly string[],
    ): Promise<Record<string, Uint8Array | null>> => {
      const found = await from.bytes(type, ids)
      return Object.fromEntries(ids.map((id) => [id, found.get(id) ?? null]))
    }
    /** A session that cannot be read counts as none, as in stock Baileys: a new one takes its place. */
    const sessions = async (
      from: SignalRows,
      ids: readonly string[],
    ): Promise<Record<string, Uint8Array | null>> => {
      const rows = await bytes(from, 'session', ids)
      for (const [id, row] of Object.entries(rows)) {
        if (row === null || isReadable(row)) continue
        logger.warn({ address: id }, 'a stored session cannot be read')
        rows[id] = null
      }
      return rows
    }
    const sessionRows = async (from: SignalRows, ...places: SessionPlace[]): Promise<Rows> => ({
      session: await sessions(from, rowsAt(...places)),
    })
    const sessionRow = async (jid: string): Promise<Uint8Array | null> => {
      const place = await placeOf(jid)
      return moveSession(new Changeset(await sessionRows(store, place)), place)
    }

    const withSession = <T>(
      place: SessionPlace,
      run: (set: Changeset) => Promise<T>,
      journal?: Journaling<T>,
    ): Promise<T> => {
      const runMoved = (set: Changeset): Promise<T> => {
        moveSession(set, place)
        return run(set)
      }
      return operation({ load: (rows) => sessionRows(rows, place), run: runMoved, journal })
    }

    const cipher = <T>(set: Changeset, id: string, run: (cipher: SessionCipher) => Promise<T>): Promise<T> =>
      freeing([ProtocolAddress.from(id)], (address) =>
        freeing([new SessionCipher(set.storage(own()), address)], run),
      )

    /**
     * A `msg` may belong to an archived state. The engine (0.5.4, 0.5.5) would try the current one first and leave its
     * ratchet half stepped when that fails: so every state is tried in a record of its own.
     */
    const decryptMsg = async (set: Changeset, id: string, ciphertext: Uint8Array): Promise<Uint8Array> => {
      const decrypt = (on: Changeset): Promise<Uint8Array> =>
        cipher(on, id, async (c) => Buffer.from(await c.decryptWhisperMessage(ciphertext)))
      const record = set.session(id)
      const states = record === null ? [] : splitRecord(record)
      if (states.length < 2) return decrypt(set)
      let failure: unknown
      for (const [index, state] of states.entries()) {
        const trial = set.trial(id, joinRecord([state]))
        try {
          const plaintext = await decrypt(trial)
          const stepped = trial.session(id)
          set.set(
            'session',
            id,
            joinRecord([
              ...(stepped === null ? [] : splitRecord(stepped)),
              ...states.filter((_, other) => other !== index),
            ]),
          )
          return plaintext
        } catch (error) {
          if (failure === undefined || isDuplicate(error)) failure = error
        }
      }
      throw failure
    }

    const decryptPkmsg = async (
      set: Changeset,
      { id, old }: SessionPlace,
      ciphertext: Uint8Array,
      identityKey: Uint8Array | undefined,
    ): Promise<Uint8Array> => {
      let on = set
      if (identityKey?.length === identityKeyLength) {
        const known = set.identityKey(id) ?? (old === null ? null : set.identityKey(old))
        if (known !== null && !same(known, identityKey)) {
          logger.info({ address: id }, 'identity key changed')
          on = set.trial(id, null)
        }
        if (!same(set.identityKey(id), identityKey)) on.set('identity-key', id, Buffer.from(identityKey))
      }
      const plaintext = await cipher(on, id, async (c) =>
        Buffer.from(await c.decryptPreKeyWhisperMessage(ciphertext)),
      )
      if (on !== set) set.take(on)
      return plaintext
    }

    /** Answers a redelivered ciphertext from the journal, and writes the journal row of a new one with its ratchet. */
    const journaled = async (
      kind: string,
      sender: string,
      ciphertext: Uint8Array,
      decrypt: (journal: Journaling<Uint8Array> | undefined) => Promise<Uint8Array>,
    ): Promise<Uint8Array> => {
      const part = stanzaOf(ciphertext)
      // The address that decrypts may change from PN to LID; the stanza's own attributes do not. They are in the hash
      // so that nobody can replay another's ciphertext under his own name.
      const identity = part === undefined ? [kind, sender] : [part.id, part.from, part.participant ?? null]
      const hash = createHash('sha256').update(JSON.stringify(identity)).update(ciphertext).digest()
      const known = await store.journaled(hash)
      if (known !== undefined) {
        if (part !== undefined) onJournaled(part)
        return known
      }
      if (part === undefined) return decrypt(undefined)
      const { stanzaKey, stanza, part: number, parts } = part
      try {
        return await decrypt({
          row: (plaintext) => ({ hash, plaintext, stanzaKey, stanza, part: number, parts }),
          onDurable: () => onJournaled(part),
        })
      } catch (error) {
        if (error instanceof Error) await onUndecryptable(part, error)
        throw error
      }
    }

    const withSenderKey = <T>(
      id: string,
      run: (set: Changeset) => Promise<T>,
      journal?: Journaling<T>,
    ): Promise<T> =>
      operation({
        load: async (rows) => ({ senderKey: await bytes(rows, 'sender-key', [id]) }),
        run,
        journal,
      })

    return {
      ...base,

      decryptMessage: ({ jid, type, ciphertext }) =>
        journaled(type, jid, ciphertext, async (journal) => {
          const place = await placeOf(jid)
          const { id } = place
          if (type === 'msg') return withSession(place, (set) => decryptMsg(set, id, ciphertext), journal)
          const { preKeyId, identityKey } = parsePreKeyMessage(ciphertext)
          const load = async (rows: SignalRows): Promise<Rows> => ({
            ...(await sessionRows(rows, place)),
            identityKey: await bytes(rows, 'identity-key', rowsAt(place)),
            preKey: preKeyId === undefined ? {} : { [preKeyId]: await rows.preKey(String(preKeyId)) },
          })
          const run = (set: Changeset): Promise<Uint8Array> => {
            moveSession(set, place)
            return decryptPkmsg(set, place, ciphertext, identityKey)
          }
          return operation({ load, run, journal })
        }),

      async encryptMessage({ jid, data }) {
        const place = await placeOf(jid)
        return withSession(place, (set) =>
          cipher(set, place.id, async (c) => {
            const { type, body } = await c.encrypt(data)
            return { type: type === 3 ? ('pkmsg' as const) : ('msg' as const), ciphertext: Buffer.from(body) }
          }),
        )
      },

      /** Baileys starts sessions one after the other, a thousand for a large group: a commit for each would take long. */
      async injectE2ESession({ jid, session }) {
        const place = await placeOf(jid)
        await operation({
          load: (rows) => sessionRows(rows, place),
          run: (set) => {
            moveSession(set, place)
            return freeing([ProtocolAddress.from(place.id)], (address) =>
              freeing([new SessionBuilder(set.storage(own()), address)], (builder) =>
                builder.processPreKeyBundle(session),
              ),
            )
          },
          canWait: true,
        })
      },

      decryptGroupMessage: ({ group, authorJid, msg }) =>
        journaled('skmsg', group + authorJid, msg, (journal) =>
          withSenderKey(
            senderKeyId(group, authorJid),
            (set) =>
              freeing([ProtocolAddress.from(addressOf(authorJid))], (address) =>
                freeing([new GroupCipher(set.storage(own()), group, address)], async (c) =>
                  Buffer.from(await c.decrypt(msg)),
                ),
              ),
            journal,
          ),
        ),

      async processSenderKeyDistributionMessage({ item, authorJid }) {
        const { groupId: group, axolotlSenderKeyDistributionMessage: distribution } = item
        if (typeof group !== 'string' || group === '' || !(distribution instanceof Uint8Array)) {
          throw new Error('a sender key distribution message lacks its group or its key')
        }
        await withSenderKey(senderKeyId(group, authorJid), (set) =>
          freeing([ProtocolAddress.from(addressOf(authorJid))], (address) =>
            freeing(
              [
                SenderKeyDistributionMessage.deserialize(distribution),
                new SenderKeyName(group, address),
                new GroupSessionBuilder(set.storage(own())),
              ],
              (message, name, builder) => builder.process(name, message),
            ),
          ),
        )
      },

      encryptGroupMessage: async ({ group, meId, data }) =>
        withSenderKey(senderKeyId(group, meId), (set) =>
          freeing([ProtocolAddress.from(addressOf(meId))], (address) =>
            freeing(
              [
                new SenderKeyName(group, address),
                new GroupSessionBuilder(set.storage(own())),
                new GroupCipher(set.storage(own()), group, address),
              ],
              async (name, builder, c) => ({
                senderKeyDistributionMessage: await freeing([await builder.create(name)], async (m) =>
                  m.serialize(),
                ),
                ciphertext: Buffer.from(await c.encrypt(data)),
              }),
            ),
          ),
        ),

      getSenderKeyDistributionMessage: async ({ group, meId }) =>
        withSenderKey(senderKeyId(group, meId), (set) =>
          freeing([ProtocolAddress.from(addressOf(meId))], (address) =>
            freeing(
              [new SenderKeyName(group, address), new GroupSessionBuilder(set.storage(own()))],
              async (name, builder) => freeing([await builder.create(name)], async (m) => m.serialize()),
            ),
          ),
        ),

      async hasSenderKey({ group, meId }) {
        const id = senderKeyId(group, meId)
        return (await store.bytes('sender-key', [id])).has(id)
      },

      async validateSession(jid) {
        const record = await sessionRow(jid)
        if (record === null) return { exists: false, reason: 'no session' }
        return hasOpenState(record) ? { exists: true } : { exists: false, reason: 'no open session' }
      },

      getSessionInfo: async (jid) => sessionInfo(await sessionRow(jid)),

      async deleteSession(jids) {
        if (jids.length === 0) return
        const places = await Promise.all(
          jids.map(async (jid) => (isPhone(jid) ? { id: addressOf(jid), old: null } : placeOf(jid))),
        )
        await operation({
          load: async () => ({}),
          run: async (set) => {
            for (const id of rowsAt(...places)) set.set('session', id, null)
          },
        })
      },

      /** Moves the sessions of all known devices of a user from the phone number to the LID. */
      async migrateSession(fromJid, toJid) {
        const none = { migrated: 0, skipped: 0, total: 0 }
        const toLid = isLidUser(toJid) === true || isHostedLidUser(toJid) === true
        if (fromJid === '' || !toLid) return none
        if (!isPhone(fromJid)) return { ...none, total: 1 }
        const user = jidDecode(fromJid)?.user ?? ''
        const { [user]: devices } = await auth.keys.get('device-list', [user])
        if (devices === undefined) return none
        const places = placesOf(fromJid, toJid, devices)
        const run = async (set: Changeset) => {
          const present = places.filter(({ old }) => old !== null && set.session(old) !== null)
          const open = present.filter(({ old }) => old !== null && hasOpenState(set.session(old)))
          for (const place of open) moveSession(set, place)
          return { migrated: open.length, skipped: present.length - open.length, total: present.length }
        }
        return operation({ load: (rows) => sessionRows(rows, ...places), run })
      },
    }
  }
