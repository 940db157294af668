import { randomBytes } from 'node:crypto'
import { Curve, WA_CERT_DETAILS } from '@whiskeysockets/baileys'
import { verifySignature } from 'libsignal/src/curve.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { isSigned } from '../../src/whatsapp/signatures.ts'
import { until } from '../sandbox/client.ts'
import { closeStores } from './signal/parties.ts'
import { link } from './wire-client.ts'

const typed = (key: Uint8Array): Buffer => Buffer.concat([Buffer.of(5), key])
/** Enough for keys with either sign of the Edwards point. */
const pairs = Array.from({ length: 8 }, () => Curve.generateKeyPair())
const message = Buffer.from('a certificate')

describe('a signature', () => {
  test('of libsignal is taken, by the key with and without its type', () => {
    for (const { public: key, private: secret } of pairs) {
      const signature = Curve.sign(secret, message)
      expect(isSigned(key, message, signature)).toBe(true)
      expect(isSigned(typed(key), message, signature)).toBe(true)
    }
  })

  test('with one bit changed, of the key, the text or itself, is taken exactly when libsignal takes it', () => {
    for (const { public: key, private: secret } of pairs) {
      const signature = Buffer.from(Curve.sign(secret, message))
      for (let at = 0; at < 12; at += 1) {
        const parts = [Buffer.from(key), Buffer.from(message), Buffer.from(signature)] as const
        const part = parts[at % 3] ?? signature
        const byte = randomBytes(1).readUInt8() % part.length
        part.writeUInt8(part.readUInt8(byte) ^ (1 << (at % 8)), byte)
        // The highest bit of a key counts for nothing (RFC 7748 section 5).
        expect(isSigned(...parts)).toBe(verifySignature(typed(parts[0]), parts[1], parts[2]))
      }
    }
  })

  test.each([
    ['a short signature', (key: Uint8Array, signature: Uint8Array) => [key, signature.subarray(1)]],
    ['a short key', (key: Uint8Array, signature: Uint8Array) => [key.subarray(1), signature]],
    ['no key', (_: Uint8Array, signature: Uint8Array) => [Buffer.alloc(0), signature]],
    [
      'a key of another type',
      (key: Uint8Array, signature: Uint8Array) => [Buffer.concat([Buffer.of(6), key]), signature],
    ],
    [
      'a key that is on no curve',
      (_: Uint8Array, signature: Uint8Array) => [
        Buffer.concat([Buffer.of(0xec), Buffer.alloc(30, 0xff), Buffer.of(0x7f)]),
        signature,
      ],
    ],
  ])('%s is refused and does not throw', (_, spoil) => {
    const [pair] = pairs
    if (pair === undefined) throw new Error('no keys')
    const [key = Buffer.alloc(0), signature = Buffer.alloc(0)] = spoil(
      pair.public,
      Curve.sign(pair.private, message),
    )
    expect(isSigned(key, message, signature)).toBe(false)
  })
})

describe('a server', () => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await startSandbox({ port: 0 })
  })
  afterAll(async () => {
    await sandbox.close()
    await closeStores()
  })

  test('whose certificate another root has signed is not logged in to', async () => {
    const client = await link(sandbox, '15557700')
    const root = WA_CERT_DETAILS.PUBLIC_KEY
    WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(Curve.generateKeyPair().public)
    client.closes.length = 0
    client.events.length = 0
    await client.open()
    await until('the end of it', () => client.closes.length > 0)
    expect(client.closes[0]?.message).toMatch(/certificate signature invalid/)
    expect(client.events).not.toContain('opened')
    WA_CERT_DETAILS.PUBLIC_KEY = root
    await client.login()
    client.drop()
  })
})
