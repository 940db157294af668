import { afterAll, describe, expect, test } from 'vitest'
import {
  acquaint,
  aliceJid,
  bobJid,
  type Ciphertext,
  closeStores,
  meet,
  ours,
  outcome,
  type OwnAccount,
  says,
  stock,
  write,
} from './parties.ts'

afterAll(closeStores)

const bobLid = '555000111@lid'
const mapping = [{ pn: bobJid, lid: bobLid }]

/** Reads what b wrote, as it comes once Baileys knows his LID. */
const readByLid = (by: OwnAccount, message: Ciphertext): Promise<string> =>
  outcome(
    by.repository
      .decryptMessage({ jid: bobLid, ...message })
      .then((plaintext) => Buffer.from(plaintext).toString()),
  )

describe('a contact whose LID becomes known', () => {
  test('goes on though no device list says which sessions to move', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(b, a)
    await a.repository.lidMapping.storeLIDPNMappings(mapping)
    await a.repository.migrateSession(bobJid, bobLid)
    expect(await readByLid(a, await write(b, a, 'by LID'))).toBe('by LID')
    const answer = await write(a, b, 'answer')
    expect(answer.type).toBe('msg')
    const plaintext = await b.repository.decryptMessage({ jid: aliceJid, ...answer })
    expect(Buffer.from(plaintext).toString()).toBe('answer')
  })

  test('goes on between the mapping and the move of the sessions, which are two commits', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.keys.set({ 'device-list': { '4915222222222': ['0'] } })
    await a.repository.lidMapping.storeLIDPNMappings(mapping)
    expect(await says(a, b, 'in between')).toBe('in between')
    expect(await readByLid(a, await write(b, a, 'in between too'))).toBe('in between too')
    await a.repository.migrateSession(bobJid, bobLid)
    expect(await says(a, b, 'after it')).toBe('after it')
    expect(await readByLid(a, await write(b, a, 'and back'))).toBe('and back')
  })

  test('goes on when the move overtakes an operation that looked the number up before', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.keys.set({ 'device-list': { '4915222222222': ['0'] } })
    const { promise: free, resolve: release } = Promise.withResolvers<undefined>()
    const held = a.auth.lock(() => free)
    const moved = a.repository.lidMapping
      .storeLIDPNMappings(mapping)
      .then(() => a.repository.migrateSession(bobJid, bobLid))
    const message = write(a, b, 'overtaken')
    release(undefined)
    await Promise.all([held, moved])
    const plaintext = await b.repository.decryptMessage({ jid: aliceJid, ...(await message) })
    expect(Buffer.from(plaintext).toString()).toBe('overtaken')
  })

  test('keeps the session that he began by LID beside the one that we began by number', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.keys.set({ 'device-list': { '4915222222222': ['0'] } })
    await meet(b, a, 7)
    expect(await readByLid(a, await write(b, a, 'begun by LID'))).toBe('begun by LID')
    await a.repository.lidMapping.storeLIDPNMappings(mapping)
    await a.repository.migrateSession(bobJid, bobLid)
    expect(await readByLid(a, await write(b, a, 'still by LID'))).toBe('still by LID')
    expect(await says(a, b, 'answer')).toBe('answer')
    expect(await readByLid(a, await write(b, a, 'thanks'))).toBe('thanks')
  })

  test('is told from another identity under his LID by the one that was kept under his number', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(b, a)
    await a.repository.lidMapping.storeLIDPNMappings(mapping)
    const reinstalled = stock(bobJid)
    await meet(reinstalled, a, 7)
    expect(await readByLid(a, await write(reinstalled, a, 'new phone'))).toBe('new phone')
    // The sessions of the old one are gone with its identity.
    expect(await readByLid(a, await write(b, a, 'old phone'))).toMatch(/^Error: /)
  })

  test('stays without a session when it is deleted under either address', async () => {
    const a = await ours(aliceJid)
    await acquaint(a, stock(bobJid))
    await a.repository.lidMapping.storeLIDPNMappings(mapping)
    await a.repository.deleteSession([bobLid])
    for (const jid of [bobJid, bobLid]) {
      expect(await a.repository.validateSession(jid)).toEqual({ exists: false, reason: 'no session' })
    }
  })
})
