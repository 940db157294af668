import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import {
  hasOpenState,
  joinRecord,
  parsePreKeyMessage,
  sessionInfo,
  splitRecord,
} from '../../../src/whatsapp/signal/record.ts'
import { acquaint, aliceJid, bobJid, closeStores, meet, ours, says, stock, write } from './parties.ts'

afterAll(closeStores)

const recordWith = async (sessions: number): Promise<Uint8Array> => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  await acquaint(a, b)
  for (let at = 1; at < sessions; at += 1) {
    await meet(a, b, at + 1)
    await says(a, b, `session ${at}`)
  }
  const id = a.repository.jidToSignalProtocolAddress(bobJid)
  return (await a.stored('session', [id])).get(id) as Uint8Array
}

describe('a session record', () => {
  test.each([1, 2, 5])(
    'of the engine with %i states is split and joined to the same bytes',
    async (sessions) => {
      const record = await recordWith(sessions)
      const states = splitRecord(record)
      expect(states).toHaveLength(sessions)
      expect(Buffer.from(joinRecord(states))).toEqual(Buffer.from(record))
    },
  )

  test('of 40 archived states goes on: the engine drops the oldest', async () => {
    const record = await recordWith(45)
    expect(splitRecord(record).length).toBeLessThanOrEqual(41)
    expect(hasOpenState(record)).toBe(true)
  })

  test('of any states is split into what was joined', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (states) => {
        expect(splitRecord(joinRecord(states)).map((state) => [...state])).toEqual(
          states.map((state) => [...state]),
        )
      }),
    )
  })

  test('of any bytes is split, or is an Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const work of [splitRecord, hasOpenState, sessionInfo]) {
          try {
            work(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['ends in a length', [0x0a, 0x80]],
    ['ends in a field', [0x0a, 0x05, 1, 2]],
    ['has a number', [0x08, 0x05]],
    ['has an unknown field', [0x1a, 0x00]],
    ['has a field of 64 bits', [0x09, 1, 2, 3, 4, 5, 6, 7, 8]],
  ])('that %s is an Error', (_, bytes) => {
    expect(() => splitRecord(Uint8Array.from(bytes))).toThrow(/record/)
  })

  test('is open with a current state only', () => {
    expect(hasOpenState(null)).toBe(false)
    expect(hasOpenState(new Uint8Array())).toBe(false)
    expect(hasOpenState(Uint8Array.from([0x0a, 0x00]))).toBe(false)
    expect(hasOpenState(Uint8Array.from([0x12, 0x01, 7]))).toBe(false)
    expect(hasOpenState(Uint8Array.from([0x0a, 0x01, 7]))).toBe(true)
  })
})

describe('a first message', () => {
  test('of stock Baileys and of ours names its pre-key and its identity', async () => {
    for (const from of [stock(aliceJid), await ours(aliceJid)]) {
      const to = stock(bobJid)
      await meet(from, to, 300)
      const { preKeyId, identityKey } = parsePreKeyMessage((await write(from, to, 'x')).ciphertext)
      expect(preKeyId).toBe(300)
      const own = Buffer.concat([Buffer.from([5]), from.creds.signedIdentityKey.public])
      expect(Buffer.from(identityKey ?? [])).toEqual(own)
    }
  })

  test('without a one-time pre-key names none', async () => {
    const [from, to] = [stock(aliceJid), stock(bobJid)]
    await meet(from, to, null)
    expect(parsePreKeyMessage((await write(from, to, 'x')).ciphertext)).not.toHaveProperty('preKeyId')
  })

  test('of any bytes is read without an Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parsePreKeyMessage(bytes)).toBeTypeOf('object')
      }),
      { numRuns: 2_000 },
    )
  })
})
