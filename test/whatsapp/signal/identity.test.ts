import { afterAll, expect, test } from 'vitest'
import { typedKey } from '../../../src/whatsapp/signal/changeset.ts'
import { parsePreKeyMessage } from '../../../src/whatsapp/signal/record.ts'
import {
  type Account,
  acquaint,
  aliceJid,
  bobJid,
  closeStores,
  meet,
  ours,
  outcome,
  type OwnAccount,
  read,
  says,
  stock,
  write,
} from './parties.ts'

afterAll(closeStores)

const identityOf = async (by: OwnAccount, of: Account): Promise<string | undefined> => {
  const id = by.repository.jidToSignalProtocolAddress(of.jid)
  const key = (await by.stored('identity-key', [id])).get(id)
  return key === undefined ? undefined : Buffer.from(key).toString('hex')
}

const identityKey = (of: Account): Buffer => Buffer.from(typedKey(of.creds.signedIdentityKey.public))

const identityText = (of: Account): string => identityKey(of).toString('hex')

test('the identity of a contact is kept from its first message', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  await meet(a, b)
  expect(await identityOf(b, a)).toBeUndefined()
  await says(a, b, 'hello')
  expect(await identityOf(b, a)).toBe(identityText(a))
})

test('a genuine first message of a new identity is read, and its session takes the place of the old ones', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  await acquaint(a, b)
  const reinstalled = stock(aliceJid)
  await meet(reinstalled, b, 2)
  expect(await says(reinstalled, b, 'new phone')).toBe('new phone')
  expect(await identityOf(b, a)).toBe(identityText(reinstalled))
  expect(await says(b, reinstalled, 'nice')).toBe('nice')
  expect(await outcome(read(b, a, await write(a, b, 'of the old phone')))).toMatch(/^Error: /)
  expect(await says(reinstalled, b, 'still there')).toBe('still there')
})

/** A pkmsg of `forger` whose inner message was tampered with: it names an identity, and proves nothing. */
const forgedBy = async (forger: Account, to: Account): Promise<Buffer> => {
  await meet(forger, to, 7)
  const { ciphertext } = await write(forger, to, 'forged')
  const forged = Buffer.from(ciphertext)
  const key = parsePreKeyMessage(forged).identityKey
  expect(key).toHaveLength(33)
  // The message is followed by two numbers; 20 bytes before the end are in its ciphertext or its MAC.
  forged.writeUInt8(forged.readUInt8(forged.length - 20) ^ 1, forged.length - 20)
  return forged
}

test('a forged first message of another identity neither deletes nor changes the good session', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  await acquaint(a, b)
  const forged = await forgedBy(stock(aliceJid), b)
  const before = await b.rows()
  expect(await outcome(read(b, a, { type: 'pkmsg', ciphertext: forged }))).toMatch(/^Error: /)
  expect(await b.rows()).toBe(before)
  expect(await identityOf(b, a)).toBe(identityText(a))
  expect(await says(a, b, 'still good')).toBe('still good')
  expect(await says(b, a, 'indeed')).toBe('indeed')
})

test('a first message that names two identities is judged by the one that the engine takes', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  await acquaint(a, b)
  const other = stock(aliceJid)
  await meet(other, b, 7)
  const { ciphertext } = await write(other, b, 'two faces')
  // Fields of a protobuf may come twice, and then the last one counts: the known identity is put before the real one.
  const known = Buffer.concat([Buffer.from([0x1a, 33]), identityKey(a)])
  const twoFaced = Buffer.concat([ciphertext.subarray(0, 1), known, ciphertext.subarray(1)])
  const rows = await b.rows()
  const got = await outcome(read(b, a, { type: 'pkmsg', ciphertext: twoFaced }))
  if (got === 'two faces') expect(await identityOf(b, a)).toBe(identityText(other))
  else expect(await b.rows()).toBe(rows)
})

test('a first message that names two pre-keys uses up the one that the engine takes', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  await meet(a, b, 7)
  const { ciphertext } = await write(a, b, 'two keys')
  const twice = Buffer.concat([ciphertext.subarray(0, 1), Buffer.from([0x08, 9]), ciphertext.subarray(1)])
  const got = await outcome(read(b, a, { type: 'pkmsg', ciphertext: twice }))
  expect(got).toBe('two keys')
  expect((await b.rows()).includes('pre-key 7')).toBe(false)
})
