/** App state patches: who can read and write them, and how they prove themselves (Baileys, chat-utils.ts `encodeSyncdPatch`). */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'

/** What an account has of one collection. */
export interface Collection {
  version: number
  /** Sum of all values' MACs. */
  hash: Buffer
  /** By the base64 of their index's MAC. */
  readonly valueMacs: Map<string, Buffer>
}

/** A change to one value, readable. */
export interface Mutation {
  /** What it is about: `['star', chat, id, '1', '0']`. */
  readonly index: readonly string[]
  /** Undefined when it is taken away. */
  readonly value: proto.ISyncActionValue | undefined
}

const hashBytes = 128
const keyBytes = 32
const ivBytes = 16
const { SET } = proto.SyncdMutation.SyncdOperation

export const emptyCollection = (): Collection => ({
  version: 0,
  hash: Buffer.alloc(hashBytes),
  valueMacs: new Map(),
})

const hkdf = (key: Uint8Array, info: string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), info, length))

const keysOf = (key: Uint8Array) => {
  const expanded = hkdf(key, 'WhatsApp Mutation Keys', 5 * keyBytes)
  const part = (at: number): Buffer => expanded.subarray(at * keyBytes, (at + 1) * keyBytes)
  return { index: part(0), value: part(1), valueMac: part(2), snapshotMac: part(3), patchMac: part(4) }
}

const hmac = (key: Buffer, ...parts: readonly Uint8Array[]): Buffer =>
  createHmac('sha256', key).update(Buffer.concat(parts)).digest()

const number64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** Adds or takes away, as 64 numbers of 16 bits that overflow. */
const summed = (hash: Buffer, valueMac: Buffer, sign: 1 | -1): Buffer => {
  const term = hkdf(valueMac, 'WhatsApp Patch Integrity', hashBytes)
  const sum = Buffer.alloc(hashBytes)
  for (let at = 0; at < hashBytes; at += 2) {
    sum.writeUInt16LE((hash.readUInt16LE(at) + sign * term.readUInt16LE(at)) & 0xffff, at)
  }
  return sum
}

type Keys = ReturnType<typeof keysOf>

const valueMacOf = (keys: Keys, keyId: Buffer, isSet: boolean, sealed: Buffer): Buffer => {
  const head = Buffer.concat([Buffer.from([isSet ? 1 : 2]), keyId])
  const mac = createHmac('sha512', keys.valueMac)
  return mac.update(head).update(sealed).update(number64(head.length)).digest().subarray(0, keyBytes)
}

/** The MACs of a collection as it is after a patch, and of that patch. */
const macsOf = (keys: Keys, name: string, version: number, hash: Buffer, valueMacs: readonly Buffer[]) => {
  const snapshot = hmac(keys.snapshotMac, hash, number64(version), Buffer.from(name))
  return {
    snapshot,
    patch: hmac(keys.patchMac, snapshot, ...valueMacs, number64(version), Buffer.from(name)),
  }
}

const opened = (mutation: proto.ISyncdMutation, keyId: Buffer, keys: Keys) => {
  const { operation, record } = mutation
  const blob = Buffer.from(record?.value?.blob ?? [])
  const sealed = blob.subarray(0, -keyBytes)
  const valueMac = blob.subarray(-keyBytes)
  if (!valueMacOf(keys, keyId, operation === SET, sealed).equals(valueMac))
    throw new Error('the MAC of a value is wrong')
  const decipher = createDecipheriv('aes-256-cbc', keys.value, sealed.subarray(0, ivBytes))
  const plaintext = Buffer.concat([decipher.update(sealed.subarray(ivBytes)), decipher.final()])
  const { index, value } = proto.SyncActionData.decode(plaintext)
  const indexMac = hmac(keys.index, Buffer.from(index ?? []))
  if (!indexMac.equals(record?.index?.blob ?? Buffer.alloc(0)))
    throw new Error('the MAC of an index is wrong')
  const names = JSON.parse(Buffer.from(index ?? []).toString()) as string[]
  const isSet = operation === SET
  return {
    valueMac,
    indexMac: indexMac.toString('base64'),
    isSet,
    index: names,
    value: isSet ? value : undefined,
  }
}

/**
 * Reads a patch that makes `version` of a collection, and applies it there once all of its MACs are right.
 *
 * @throws Error that says what is wrong; nothing has changed then
 */
export const readPatch = (
  collection: Collection,
  { name, version, bytes }: { readonly name: string; readonly version: number; readonly bytes: Uint8Array },
  key: { readonly id: Buffer; readonly data: Uint8Array },
): Mutation[] => {
  const patch = proto.SyncdPatch.decode(bytes)
  if (!key.id.equals(patch.keyId?.id ?? Buffer.alloc(0)))
    throw new Error('it is under a key that nobody shared')
  const keys = keysOf(key.data)
  const mutations = (patch.mutations ?? []).map((mutation) => opened(mutation, key.id, keys))
  let { hash } = collection
  const valueMacs = new Map(collection.valueMacs)
  for (const { indexMac, valueMac, isSet } of mutations) {
    const before = valueMacs.get(indexMac)
    if (before !== undefined) hash = summed(hash, before, -1)
    valueMacs.delete(indexMac)
    if (!isSet) continue
    hash = summed(hash, valueMac, 1)
    valueMacs.set(indexMac, valueMac)
  }
  const ofValues = mutations.map(({ valueMac }) => valueMac)
  const macs = macsOf(keys, name, version, hash, ofValues)
  if (!macs.snapshot.equals(patch.snapshotMac ?? Buffer.alloc(0)))
    throw new Error('the MAC of the whole is wrong')
  if (!macs.patch.equals(patch.patchMac ?? Buffer.alloc(0))) throw new Error('the MAC of the patch is wrong')
  collection.version = version
  collection.hash = hash
  collection.valueMacs.clear()
  for (const [index, mac] of valueMacs) collection.valueMacs.set(index, mac)
  return mutations.map(({ index, value }) => ({ index, value: value ?? undefined }))
}

/** A value that is set. */
export interface NewMutation {
  readonly index: readonly string[]
  readonly value: proto.ISyncActionValue
  /** Of the action's form. */
  readonly apiVersion: number
}

/** Makes the patch that sets one value, on top of what a collection is now, which it leaves as it is. */
export const writePatch = (
  { version, hash, valueMacs }: Collection,
  name: string,
  { index, value, apiVersion }: NewMutation,
  { key, iv }: { readonly key: { readonly id: Buffer; readonly data: Uint8Array }; readonly iv: Buffer },
): Uint8Array => {
  const keys = keysOf(key.data)
  const indexBytes = Buffer.from(JSON.stringify(index))
  const plaintext = proto.SyncActionData.encode({
    index: indexBytes,
    value,
    padding: Buffer.alloc(0),
    version: apiVersion,
  }).finish()
  const cipher = createCipheriv('aes-256-cbc', keys.value, iv)
  const sealed = Buffer.concat([iv, cipher.update(plaintext), cipher.final()])
  const valueMac = valueMacOf(keys, key.id, true, sealed)
  const indexMac = hmac(keys.index, indexBytes)
  const before = valueMacs.get(indexMac.toString('base64'))
  const after = summed(before === undefined ? hash : summed(hash, before, -1), valueMac, 1)
  const macs = macsOf(keys, name, version + 1, after, [valueMac])
  return proto.SyncdPatch.encode({
    mutations: [
      {
        operation: SET,
        record: {
          index: { blob: indexMac },
          value: { blob: Buffer.concat([sealed, valueMac]) },
          keyId: { id: key.id },
        },
      },
    ],
    snapshotMac: macs.snapshot,
    patchMac: macs.patch,
    keyId: { id: key.id },
  }).finish()
}
