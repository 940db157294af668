import { Curve } from '@whiskeysockets/baileys'
import { verifySignature } from 'libsignal/src/curve.js'
import { describe, expect, test } from 'vitest'
import { typedKey } from '../../src/sandbox/protocol/key-bundle.ts'
import { isSignatureValid, signingKeyPair } from '../../src/sandbox/protocol/signature.ts'

/** Enough for keys with either sign of the Edwards point. */
const keys = Array.from({ length: 8 }, (_, index) => signingKeyPair(Buffer.alloc(32, index)))
const message = Buffer.from('a signed pre-key')

describe('signatures of the phones', () => {
  test('libsignal accepts them', () => {
    for (const key of keys) {
      expect(verifySignature(typedKey(key.public), message, key.sign(message))).toBe(true)
      expect(verifySignature(typedKey(key.public), Buffer.from('another'), key.sign(message))).toBe(false)
    }
  })

  test('keys of both signs were among those', () => {
    const signs = keys.map((key) => key.sign(message).readUInt8(63) >> 7)
    expect(new Set(signs).size).toBe(2)
  })

  test('the key that signs is the key that agrees', () => {
    const [ours, theirs] = [keys[0], Curve.generateKeyPair()]
    if (ours === undefined) throw new Error('no key')
    const [a, b] = [
      Curve.sharedKey(ours.private, theirs.public),
      Curve.sharedKey(theirs.private, ours.public),
    ]
    expect(Buffer.from(a)).toEqual(Buffer.from(b))
  })
})

describe('checking a signature', () => {
  const pairs = Array.from({ length: 4 }, () => Curve.generateKeyPair())

  test("takes libsignal's", () => {
    for (const pair of pairs) {
      expect(isSignatureValid(pair.public, message, Curve.sign(pair.private, message))).toBe(true)
    }
  })

  test('refuses another message, key, signature or length', () => {
    const [pair, other] = pairs
    if (pair === undefined || other === undefined) throw new Error('no keys')
    const signature = Buffer.from(Curve.sign(pair.private, message))
    // What is refused must not be mistaken for what was good just before.
    expect(isSignatureValid(pair.public, message, signature)).toBe(true)
    expect(isSignatureValid(pair.public, Buffer.from('another'), signature)).toBe(false)
    expect(isSignatureValid(other.public, message, signature)).toBe(false)
    expect(isSignatureValid(pair.public, message, Buffer.alloc(64))).toBe(false)
    expect(isSignatureValid(pair.public, message, signature.subarray(1))).toBe(false)
    expect(isSignatureValid(pair.public.subarray(1), message, signature)).toBe(false)
    for (const at of [0, 31, 32, 62]) {
      const spoiled = Buffer.from(signature)
      spoiled.writeUInt8(spoiled.readUInt8(at) ^ 1, at)
      expect(isSignatureValid(pair.public, message, spoiled)).toBe(false)
    }
  })
})
