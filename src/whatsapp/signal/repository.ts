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
  transferDevice,
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
import type { JournalRow, KeyChanges } from '../../store/store.ts'
import { Changeset, type KeyPair, type OwnKeys, type Rows } from './changeset.ts'
import { freeing } from './engine.ts'
import { isDuplicate, toSignalError } from './errors.ts'
import { hasOpenState, joinRecord, parsePreKeyMessage, sessionInfo, splitRecord } from './record.ts'

/** What the repository needs of the store: one device's rows, under its lease. */
export interface SignalStore {
  bytes(
    type: 'session' | 'sender-key' | 'identity-key',
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Uint8Array>>
  preKey(id: string): Promise<KeyPair | null>
  /** Rejects when the rows could not be made durable; then the socket must send nothing more. */
  commit(changes: KeyChanges, journal: JournalRow | null): Promise<void>
  journaled(hash: Uint8Array): Promise<Uint8Array | undefined>
}

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
const hostedDevice = 99

const same = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && Buffer.compare(a, b) === 0

/**
 * Baileys' signal repository on whatsapp-rust-bridge. Each operation is: take the account's lock, read its rows,
 * compute, commit all rows and the journal row in one transaction, and only then resolve. So no frame and no receipt
 * leaves before the state behind it is durable, and a decrypted message cannot be lost between ratchet and handler.
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
    const { lidMapping } = base
    const addressOf = (jid: string): string => base.jidToSignalProtocolAddress(jid)

    /** Session rows live under the LID as soon as it is known. May ask the network: call it outside the lock. */
    const sessionId = async (jid: string): Promise<string> => {
      const phone = isPnUser(jid) === true || isHostedPnUser(jid) === true
      return addressOf((phone ? await lidMapping.getLIDForPN(jid) : null) ?? jid)
    }
    const senderKeyId = (group: string, jid: string): string => {
      const address = addressOf(jid)
      const dot = address.lastIndexOf('.')
      return `${group}::${address.slice(0, dot)}::${address.slice(dot + 1)}`
    }

    const bytes = async (
      type: 'session' | 'sender-key' | 'identity-key',
      ids: readonly string[],
    ): Promise<Record<string, Uint8Array | null>> => {
      const found = await store.bytes(type, ids)
      return Object.fromEntries(ids.map((id) => [id, found.get(id) ?? null]))
    }
    const sessionRow = async (id: string): Promise<Uint8Array | null> =>
      (await bytes('session', [id]))[id] ?? null

    const operation = <T>(
      load: () => Promise<Rows>,
      run: (set: Changeset) => Promise<T>,
      journal: (result: T) => JournalRow | null = () => null,
    ): Promise<T> =>
      lock(async () => {
        const set = new Changeset(await load())
        let result: T
        try {
          result = await run(set)
        } catch (error) {
          throw toSignalError(error)
        }
        const row = journal(result)
        if (set.dirty || row !== null) await store.commit(set.changes, row)
        return result
      })

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

    const decryptPkmsg = (
      set: Changeset,
      id: string,
      ciphertext: Uint8Array,
      identityKey: Uint8Array | undefined,
    ): Promise<Uint8Array> => {
      let on = set
      if (identityKey?.length === identityKeyLength) {
        const known = set.identityKey(id)
        if (known !== null && !same(known, identityKey)) {
          logger.info({ address: id }, 'identity key changed')
          on = set.trial(id, null)
        }
        if (!same(known, identityKey)) on.set('identity-key', id, Buffer.from(identityKey))
      }
      return cipher(on, id, async (c) => Buffer.from(await c.decryptPreKeyWhisperMessage(ciphertext))).then(
        (plaintext) => {
          for (const [kind, rows] of Object.entries(on === set ? {} : on.changes)) {
            for (const [row, value] of Object.entries(rows)) {
              set.set(kind as 'session', row, value as Uint8Array | null)
            }
          }
          return plaintext
        },
      )
    }

    /** Answers a redelivered ciphertext from the journal, and writes the journal row of a new one with its ratchet. */
    const journaled = async (
      kind: string,
      sender: string,
      ciphertext: Uint8Array,
      decrypt: (journal: (plaintext: Uint8Array) => JournalRow | null) => Promise<Uint8Array>,
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
      try {
        const plaintext = await decrypt((plain) =>
          part === undefined
            ? null
            : {
                hash,
                plaintext: plain,
                stanzaKey: part.stanzaKey,
                stanza: part.stanza,
                part: part.part,
                parts: part.parts,
              },
        )
        if (part !== undefined) onJournaled(part)
        return plaintext
      } catch (error) {
        if (part !== undefined && error instanceof Error) await onUndecryptable(part, error)
        throw error
      }
    }

    const senderKeyRows = (id: string) => async (): Promise<Rows> => ({
      senderKey: await bytes('sender-key', [id]),
    })
    const sessionRows = (id: string) => async (): Promise<Rows> => ({ session: await bytes('session', [id]) })

    return {
      ...base,

      decryptMessage: ({ jid, type, ciphertext }) =>
        journaled(type, jid, ciphertext, async (journal) => {
          const id = await sessionId(jid)
          if (type === 'msg')
            return operation(sessionRows(id), (set) => decryptMsg(set, id, ciphertext), journal)
          const { preKeyId, identityKey } = parsePreKeyMessage(ciphertext)
          const load = async (): Promise<Rows> => ({
            session: await bytes('session', [id]),
            identityKey: await bytes('identity-key', [id]),
            preKey: preKeyId === undefined ? {} : { [preKeyId]: await store.preKey(String(preKeyId)) },
          })
          return operation(load, (set) => decryptPkmsg(set, id, ciphertext, identityKey), journal)
        }),

      async encryptMessage({ jid, data }) {
        const id = await sessionId(jid)
        return operation(sessionRows(id), (set) =>
          cipher(set, id, async (c) => {
            const { type, body } = await c.encrypt(data)
            return { type: type === 3 ? ('pkmsg' as const) : ('msg' as const), ciphertext: Buffer.from(body) }
          }),
        )
      },

      async injectE2ESession({ jid, session }) {
        const id = await sessionId(jid)
        await operation(sessionRows(id), (set) =>
          freeing([ProtocolAddress.from(id)], (address) =>
            freeing([new SessionBuilder(set.storage(own()), address)], (builder) =>
              builder.processPreKeyBundle(session),
            ),
          ),
        )
      },

      decryptGroupMessage: ({ group, authorJid, msg }) =>
        journaled('skmsg', group + authorJid, msg, (journal) =>
          operation(
            senderKeyRows(senderKeyId(group, authorJid)),
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
        await operation(senderKeyRows(senderKeyId(group, authorJid)), (set) =>
          freeing([ProtocolAddress.from(addressOf(authorJid))], (address) =>
            freeing(
              [
                new SenderKeyName(group, address),
                SenderKeyDistributionMessage.deserialize(distribution),
                new GroupSessionBuilder(set.storage(own())),
              ],
              (name, message, builder) => builder.process(name, message),
            ),
          ),
        )
      },

      encryptGroupMessage: ({ group, meId, data }) =>
        operation(senderKeyRows(senderKeyId(group, meId)), (set) =>
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

      getSenderKeyDistributionMessage: ({ group, meId }) =>
        operation(senderKeyRows(senderKeyId(group, meId)), (set) =>
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
        const record = await sessionRow(await sessionId(jid))
        if (record === null) return { exists: false, reason: 'no session' }
        return hasOpenState(record) ? { exists: true } : { exists: false, reason: 'no open session' }
      },

      getSessionInfo: async (jid) => sessionInfo(await sessionRow(await sessionId(jid))),

      async deleteSession(jids) {
        if (jids.length === 0) return
        await operation(
          async () => ({}),
          async (set) => {
            for (const jid of jids) set.set('session', addressOf(jid), null)
          },
        )
      },

      /** Moves the sessions of all known devices of a user from the phone number to the LID. */
      async migrateSession(fromJid, toJid) {
        const none = { migrated: 0, skipped: 0, total: 0 }
        const toLid = isLidUser(toJid) === true || isHostedLidUser(toJid) === true
        if (fromJid === '' || !toLid) return none
        if (isPnUser(fromJid) !== true && isHostedPnUser(fromJid) !== true) return { ...none, total: 1 }
        const from = jidDecode(fromJid)
        if (from === undefined) return none
        const { [from.user]: devices } = await auth.keys.get('device-list', [from.user])
        if (devices === undefined) return none
        const moves = [...new Set([...devices, String(from.device ?? 0)])].map(Number).map((device) => {
          const pn =
            device === hostedDevice
              ? `${from.user}:${hostedDevice}@hosted`
              : `${from.user}${device === 0 ? '' : `:${device}`}@s.whatsapp.net`
          return { from: addressOf(pn), to: addressOf(transferDevice(pn, toJid)) }
        })
        return operation(
          async () => ({
            session: await bytes(
              'session',
              moves.map((move) => move.from),
            ),
          }),
          async (set) => {
            const present = moves.filter((move) => set.session(move.from) !== null)
            const open = present.filter((move) => hasOpenState(set.session(move.from)))
            for (const move of open) {
              set.set('session', move.to, set.session(move.from))
              set.set('session', move.from, null)
            }
            return { migrated: open.length, skipped: present.length - open.length, total: present.length }
          },
        )
      },
    }
  }
