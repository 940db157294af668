import { varint } from '../../domain/varint.ts'

/**
 * The few protobuf fields of Signal's records that the engine does not expose. Field numbers are those of
 * libsignal's `storage.proto` (RecordStructure, SessionStructure) and `wire.proto` (PreKeySignalMessage).
 */
const currentSessionField = 1
const previousSessionsField = 2
const registrationIdField = 10
const aliceBaseKeyField = 13
const preKeyIdField = 1
const identityKeyField = 3

const lengthDelimited = 2
const varintType = 0

interface Field {
  readonly number: number
  readonly value: number | Uint8Array
}

class Reader {
  private at = 0
  private readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
  get done(): boolean {
    return this.at >= this.bytes.length
  }
  private varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new Error('a record ends in the middle of a number')
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }
  next(): Field {
    const tag = this.varint()
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case varintType:
        return { number, value: this.varint() }
      case lengthDelimited: {
        const length = this.varint()
        const end = this.at + length
        if (end > this.bytes.length) throw new Error('a record ends in the middle of a field')
        const value = this.bytes.subarray(this.at, end)
        this.at = end
        return { number, value }
      }
      default:
        throw new Error(`a record has a field of an unexpected wire type ${tag % 8}`)
    }
  }
}

function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  const reader = new Reader(bytes)
  while (!reader.done) yield reader.next()
}

/** A field may come twice: then the last one counts, for the engine too. */
const lastField = (bytes: Uint8Array, number: number): number | Uint8Array | undefined => {
  let value: number | Uint8Array | undefined
  for (const field of fieldsOf(bytes)) if (field.number === number) value = field.value
  return value
}

/** The states of a session record, the current one first, as raw bytes. */
export const splitRecord = (record: Uint8Array): Uint8Array[] => {
  const current: Uint8Array[] = []
  const previous: Uint8Array[] = []
  for (const { number, value } of fieldsOf(record)) {
    if (typeof value === 'number') throw new Error(`a session record has a number in field ${number}`)
    if (number === currentSessionField) current.push(value)
    else if (number === previousSessionsField) previous.push(value)
    else throw new Error(`a session record has an unknown field ${number}`)
  }
  return [...current, ...previous]
}

const header = (number: number, length: number): Uint8Array =>
  Uint8Array.from([...varint(number * 8 + lengthDelimited), ...varint(length)])

/** Can the record be read at all? */
export const isReadable = (record: Uint8Array): boolean => {
  try {
    return splitRecord(record).length > 0
  } catch {
    return false
  }
}

/** The inverse of `splitRecord`. */
export const joinRecord = (states: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(
    states.flatMap((state, index) => [
      header(index === 0 ? currentSessionField : previousSessionsField, state.length),
      state,
    ]),
  )

const openState = (record: Uint8Array | null): Uint8Array | undefined => {
  if (record === null || !isReadable(record)) return undefined
  const state = lastField(record, currentSessionField)
  return state instanceof Uint8Array && state.length > 0 ? state : undefined
}

/** Can the record encrypt? */
export const hasOpenState = (record: Uint8Array | null): boolean => openState(record) !== undefined

/** What Baileys' retry handling asks of a session; null when there is none. */
export const sessionInfo = (
  record: Uint8Array | null,
): { baseKey: Uint8Array; registrationId: number } | null => {
  const state = openState(record)
  if (state === undefined) return null
  const baseKey = lastField(state, aliceBaseKeyField)
  const registrationId = lastField(state, registrationIdField)
  return baseKey instanceof Uint8Array && typeof registrationId === 'number'
    ? { baseKey: Uint8Array.from(baseKey), registrationId }
    : null
}

/** The used pre-key and the sender's identity of a `pkmsg`; members are absent when it cannot be read. */
export const parsePreKeyMessage = (
  ciphertext: Uint8Array,
): { readonly preKeyId?: number; readonly identityKey?: Uint8Array } => {
  try {
    const body = ciphertext.subarray(1)
    const preKeyId = lastField(body, preKeyIdField)
    const identityKey = lastField(body, identityKeyField)
    return {
      ...(typeof preKeyId === 'number' ? { preKeyId } : {}),
      ...(identityKey instanceof Uint8Array ? { identityKey } : {}),
    }
  } catch {
    return {}
  }
}
