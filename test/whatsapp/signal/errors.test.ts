import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { toSignalError } from '../../../src/whatsapp/signal/errors.ts'
import {
  acquaint,
  aliceJid,
  bobJid,
  type Ciphertext,
  closeStores,
  meet,
  memoryStore,
  ours,
  outcome,
  read,
  says,
  stock,
  write,
} from './parties.ts'

afterAll(closeStores)

const group = '120363000000000001@g.us'

describe('what goes wrong is an Error with the words of Baileys', () => {
  test('a message without a session', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(b, stock(aliceJid))
    expect(await outcome(read(a, b, await write(b, a, 'x')))).toBe('Error: No session record')
    expect(await outcome(write(a, b, 'x').then(() => ''))).toBe('Error: No session record')
  })

  test('a first message for a pre-key that is gone', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    await b.keys.set({ 'pre-key': { 5: null } })
    expect(await outcome(read(b, a, await write(a, b, 'x')))).toBe('Error: Invalid PreKey ID')
  })

  test('a first message for a signed pre-key that we do not have', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    b.creds.signedPreKey.keyId += 1
    expect(await outcome(read(b, a, await write(a, b, 'x')))).toBe('Error: Missing SignedPreKey')
  })

  test('a bundle whose signature is wrong', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    b.creds.signedPreKey.signature = Buffer.alloc(64, 1)
    await expect(meet(a, b)).rejects.toBeInstanceOf(Error)
    expect(a.commits).toEqual([])
  })

  test('a session row that is garbage', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    const inbound = await write(b, a, 'x')
    const id = a.repository.jidToSignalProtocolAddress(bobJid)
    for (const garbage of [
      Buffer.from('garbage'),
      Buffer.alloc(100, 0x0a),
      Buffer.from([0x0a, 0x01, 0xff]),
    ]) {
      await a.auth.signal.commit({ session: { [id]: garbage } }, null)
      expect(await outcome(read(a, b, inbound))).toMatch(/^Error: /)
      expect(await outcome(write(a, b, 'x').then(() => 'written'))).toMatch(/^Error: /)
    }
  })

  test('a session row that is garbage is replaced by a new session', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    const id = a.repository.jidToSignalProtocolAddress(bobJid)
    await a.auth.signal.commit({ session: { [id]: Buffer.from('garbage') } }, null)
    expect(await a.repository.validateSession(bobJid)).toMatchObject({ exists: false })
    await meet(a, b, 1)
    expect(await says(a, b, 'healed')).toBe('healed')
    await a.auth.signal.commit({ session: { [id]: Buffer.from('garbage') } }, null)
    await meet(b, a, 2)
    expect(await says(b, a, 'healed by the other side')).toBe('healed by the other side')
  })

  test('a JID that is none', async () => {
    const a = await ours(aliceJid)
    for (const jid of ['', 'nobody', '@', '@s.whatsapp.net', '1:99@s.whatsapp.net']) {
      const data = Buffer.from('x')
      await expect(a.repository.encryptMessage({ jid, data })).rejects.toBeInstanceOf(Error)
      await expect(
        a.repository.decryptMessage({ jid, type: 'msg', ciphertext: data }),
      ).rejects.toBeInstanceOf(Error)
      await expect(a.repository.encryptGroupMessage({ group, meId: jid, data })).rejects.toBeInstanceOf(Error)
    }
    expect(a.commits).toEqual([])
  })

  test.each([
    ['SignalProtocolError: DuplicatedMessage(0, 1)', 'Key used already or never filled'],
    ['received message with old counter: 3, 1', 'Key used already or never filled'],
    ['SessionNotFound(x)', 'No session record'],
    ['InvalidMessage(Whisper, "decryption failed")', 'Bad MAC'],
    ['BadMac(Whisper)', 'Bad MAC'],
    ['InvalidPreKeyId', 'Invalid PreKey ID'],
    ['InvalidSignedPreKeyId', 'Missing SignedPreKey'],
    ['no sender key state', 'No session found to decrypt message'],
    ['UntrustedIdentity(x)', 'Untrusted identity key'],
    ['something new', 'something new'],
    [undefined, 'undefined'],
  ])('%s', (thrown, message) => {
    const error = toSignalError(thrown)
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe(message)
  })

  test('a trap of the engine says so, an Error of ours passes as it is, and long texts are cut', () => {
    const trap = Object.assign(new Error('unreachable'), { name: 'RuntimeError' })
    expect(toSignalError(trap).message).toBe('signal engine trapped: unreachable')
    const own = new TypeError('ours')
    expect(toSignalError(own)).toBe(own)
    expect(toSignalError('x'.repeat(10_000)).message).toHaveLength(300)
  })
})

test('whatever bytes arrive, they are an Error, and the session with the contact stays good', async () => {
  const store = await memoryStore()
  const a = stock(aliceJid)
  const b = await ours(bobJid, store)
  await acquaint(a, b)
  const later = await write(a, b, 'later')
  const rows = await b.rows()
  const mutated = ({ ciphertext }: Ciphertext) =>
    fc
      .record({
        at: fc.nat({ max: ciphertext.length - 1 }),
        bit: fc.nat({ max: 7 }),
        cut: fc.nat({ max: 40 }),
      })
      .map(({ at, bit, cut }) => {
        const bytes = Buffer.from(ciphertext.subarray(0, ciphertext.length - (cut > 30 ? cut - 30 : 0)))
        if (at < bytes.length) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
        return bytes
      })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<'msg' | 'pkmsg'>('msg', 'pkmsg'),
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from([0x33, ...bytes])),
        mutated(later),
      ),
      async (type, ciphertext) => {
        // One bit is outside of what is signed: the high half of the version byte.
        fc.pre(ciphertext.subarray(1).compare(later.ciphertext.subarray(1)) !== 0)
        expect(await outcome(read(b, a, { type, ciphertext }))).toMatch(/^Error: /)
        const skmsg = b.repository.decryptGroupMessage({ group, authorJid: aliceJid, msg: ciphertext })
        await expect(skmsg).rejects.toBeInstanceOf(Error)
      },
    ),
    { numRuns: 400 },
  )
  expect(await b.rows()).toBe(rows)
  expect(await read(b, a, later)).toBe('later')
  expect(await says(b, a, 'answer')).toBe('answer')
})
