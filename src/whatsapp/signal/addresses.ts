import {
  isHostedPnUser,
  isLidUser,
  isPnUser,
  jidDecode,
  type SignalRepositoryWithLIDStore,
  transferDevice,
} from '@whiskeysockets/baileys'
import type { Changeset } from './changeset.ts'
import { joinRecord, splitRecord } from './record.ts'

/** Where the session with one device of a contact lies. */
export interface SessionPlace {
  /** Under the LID as soon as it is known. */
  readonly id: string
  /** Where it may still lie from the time before: under the phone number. */
  readonly old: string | null
}

const hostedDevice = 99

/** Takes what lies under the phone number over to the LID, beside what is there. Returns the record. */
export const moveSession = (set: Changeset, { id, old }: SessionPlace): Uint8Array | null => {
  const stale = old === null ? null : set.session(old)
  if (old === null || stale === null) return set.session(id)
  const known = set.session(id)
  const record = known === null ? stale : joinRecord([...splitRecord(known), ...splitRecord(stale)])
  set.set('session', id, record)
  set.set('session', old, null)
  return record
}

/** The row of a sender key; `address` is the Signal address of whose it is. */
export const senderKeyId = (group: string, address: string): string => {
  const dot = address.lastIndexOf('.')
  return `${group}::${address.slice(0, dot)}::${address.slice(dot + 1)}`
}

/** The ids of all rows of these places. */
export const rowsAt = (...places: readonly SessionPlace[]): string[] =>
  places.flatMap(({ id, old }) => (old === null ? [id] : [id, old]))

export interface Addresses {
  readonly addressOf: (jid: string) => string
  /** May ask the network for the LID of a phone number: call it outside the lock. */
  readonly placeOf: (jid: string) => Promise<SessionPlace>
  /** The places of the given devices of a user, and of the one that is asked for. */
  readonly placesOf: (fromJid: string, toJid: string, devices: readonly string[]) => readonly SessionPlace[]
  readonly senderKeyId: (group: string, jid: string) => string
}

/** The names of rows, as stock Baileys makes them. */
export const createAddresses = (
  base: Pick<SignalRepositoryWithLIDStore, 'jidToSignalProtocolAddress' | 'lidMapping'>,
): Addresses => {
  const addressOf = (jid: string): string => base.jidToSignalProtocolAddress(jid)
  return {
    addressOf,
    async placeOf(jid) {
      if (isPnUser(jid) === true || isHostedPnUser(jid) === true) {
        const lid = await base.lidMapping.getLIDForPN(jid)
        return lid === null ? { id: addressOf(jid), old: null } : { id: addressOf(lid), old: addressOf(jid) }
      }
      const id = addressOf(jid)
      const pn = isLidUser(jid) === true ? await base.lidMapping.getPNForLID(jid) : null
      return { id, old: pn === null ? null : addressOf(pn) }
    },
    placesOf(fromJid, toJid, devices) {
      const from = jidDecode(fromJid)
      if (from === undefined) return []
      return [...new Set([...devices, String(from.device ?? 0)])].map(Number).map((device) => {
        const pn =
          device === hostedDevice
            ? `${from.user}:${hostedDevice}@hosted`
            : `${from.user}${device === 0 ? '' : `:${device}`}@s.whatsapp.net`
        return { id: addressOf(transferDevice(pn, toJid)), old: addressOf(pn) }
      })
    },
    senderKeyId: (group, jid) => senderKeyId(group, addressOf(jid)),
  }
}
