import { afterAll, describe, expect, test } from 'vitest'
import {
  type Account,
  acquaint,
  aliceJid,
  bobJid,
  bundleOf,
  closeStores,
  meet,
  ours,
  type OwnAccount,
  says,
  stock,
  write,
} from './parties.ts'

afterAll(closeStores)

const bobLid = '555000111@lid'
const deviceOf = (jid: string, device: number): string => jid.replace('@', `:${device}@`)

/** A record that has a previous state and no current one. */
const archivedOnly = Uint8Array.from([0x12, 0x02, 0x08, 0x03])

const sessionsOf = async (account: OwnAccount): Promise<string[]> => {
  const ids = [bobJid, deviceOf(bobJid, 3), bobLid, deviceOf(bobLid, 3)].map((jid) =>
    account.repository.jidToSignalProtocolAddress(jid),
  )
  return [...(await account.auth.signal.bytes('session', ids)).keys()].toSorted()
}

const newSession = async (account: OwnAccount, jid: string): Promise<void> => {
  await account.repository.injectE2ESession({ jid, session: await bundleOf(stock(jid)) })
}

describe('validateSession', () => {
  test('says that there is none, and that there is one', async () => {
    const a = await ours(aliceJid)
    expect(await a.repository.validateSession(bobJid)).toEqual({ exists: false, reason: 'no session' })
    await newSession(a, bobJid)
    expect(await a.repository.validateSession(bobJid)).toEqual({ exists: true })
  })

  test('says of a record without a current state that it is not open', async () => {
    const a = await ours(aliceJid)
    const id = a.repository.jidToSignalProtocolAddress(bobJid)
    await a.auth.signal.commit({ session: { [id]: archivedOnly } }, null)
    expect(await a.repository.validateSession(bobJid)).toEqual({ exists: false, reason: 'no open session' })
  })
})

describe('getSessionInfo', () => {
  test('is null without a session', async () => {
    expect(await (await ours(aliceJid)).repository.getSessionInfo(bobJid)).toBeNull()
  })

  test.each([
    ['we began', true],
    ['the other began', false],
  ])(
    'has the registration id of the other and the base key that both sides have, when %s',
    async (_, weBegan) => {
      const a = await ours(aliceJid)
      const b = stock(bobJid)
      const [first, second]: [Account, Account] = weBegan ? [a, b] : [b, a]
      await acquaint(first, second)
      const info = await a.repository.getSessionInfo(b.jid)
      expect(info?.registrationId).toBe(b.creds.registrationId)
      const theirs = await b.repository.getSessionInfo(a.jid)
      expect(Buffer.from(info?.baseKey ?? [])).toEqual(Buffer.from(theirs?.baseKey ?? [0]))
    },
  )

  test('has another base key after a new session', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    const before = await a.repository.getSessionInfo(b.jid)
    await meet(a, b, 2)
    expect((await a.repository.getSessionInfo(b.jid))?.baseKey).not.toEqual(before?.baseKey)
  })
})

describe('deleteSession', () => {
  test('deletes those that are named, in one commit, and no others', async () => {
    const a = await ours(aliceJid)
    for (const jid of [bobJid, deviceOf(bobJid, 3), bobLid]) await newSession(a, jid)
    a.commits.length = 0
    await a.repository.deleteSession([bobJid, bobLid])
    expect(a.commits).toHaveLength(1)
    expect(await sessionsOf(a)).toEqual(['4915222222222.3'])
  })

  test('of nothing commits nothing', async () => {
    const a = await ours(aliceJid)
    await a.repository.deleteSession([])
    expect(a.commits).toEqual([])
  })

  test('makes encrypting fail with the words of libsignal', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.repository.deleteSession([b.jid])
    await expect(write(a, b, 'x')).rejects.toThrow('No session record')
  })
})

describe('migrateSession', () => {
  const withDevices = async (devices: string[]): Promise<OwnAccount> => {
    const a = await ours(aliceJid)
    await a.keys.set({ 'device-list': { '4915222222222': devices } })
    return a
  }

  test('moves the sessions of every device from the phone number to the LID, in one commit', async () => {
    const a = await withDevices(['0', '3'])
    await newSession(a, bobJid)
    await newSession(a, deviceOf(bobJid, 3))
    a.commits.length = 0
    expect(await a.repository.migrateSession(bobJid, bobLid)).toEqual({ migrated: 2, skipped: 0, total: 2 })
    expect(a.commits).toHaveLength(1)
    expect(await sessionsOf(a)).toEqual(['555000111_1.0', '555000111_1.3'])
  })

  test('moves the device that it was asked for though the list does not name it', async () => {
    const a = await withDevices(['0'])
    await newSession(a, deviceOf(bobJid, 3))
    expect(await a.repository.migrateSession(deviceOf(bobJid, 3), bobLid)).toMatchObject({ migrated: 1 })
    expect(await sessionsOf(a)).toEqual(['555000111_1.3'])
  })

  test('moves them again when new ones came up under the phone number', async () => {
    const a = await withDevices(['0'])
    for (const round of [1, 2]) {
      await newSession(a, bobJid)
      expect([round, await a.repository.migrateSession(bobJid, bobLid)]).toEqual([
        round,
        { migrated: 1, skipped: 0, total: 1 },
      ])
    }
  })

  test('leaves a conversation as it was: the other side notices nothing', async () => {
    const a = await withDevices(['0'])
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.repository.migrateSession(bobJid, bobLid)
    const message = await a.repository.encryptMessage({ jid: bobLid, data: Buffer.from('hi') })
    expect(message.type).toBe('msg')
    const plaintext = await b.repository.decryptMessage({ jid: aliceJid, ...message })
    expect(Buffer.from(plaintext).toString()).toBe('hi')
  })

  test('finds the session by the phone number too, once the mapping is known', async () => {
    const a = await withDevices(['0'])
    const b = stock(bobJid)
    await acquaint(a, b)
    await a.repository.lidMapping.storeLIDPNMappings([{ pn: bobJid, lid: bobLid }])
    await a.repository.migrateSession(bobJid, bobLid)
    expect(await says(a, b, 'to the number')).toBe('to the number')
    expect(await says(b, a, 'from the number')).toBe('from the number')
    expect(await sessionsOf(a)).toEqual(['555000111_1.0'])
  })

  test('does nothing without a device list, to anything but a LID, and for anybody but a phone number', async () => {
    const a = await ours(aliceJid)
    await newSession(a, bobJid)
    const none = { migrated: 0, skipped: 0, total: 0 }
    expect(await a.repository.migrateSession(bobJid, bobLid)).toEqual(none)
    expect(await a.repository.migrateSession(bobJid, aliceJid)).toEqual(none)
    expect(await a.repository.migrateSession('', bobLid)).toEqual(none)
    expect(await a.repository.migrateSession(bobLid, bobLid)).toEqual({ ...none, total: 1 })
    expect(await sessionsOf(a)).toEqual(['4915222222222.0'])
  })

  test('counts and leaves a session that cannot be used', async () => {
    const a = await withDevices(['0'])
    const id = a.repository.jidToSignalProtocolAddress(bobJid)
    await a.auth.signal.commit({ session: { [id]: archivedOnly } }, null)
    expect(await a.repository.migrateSession(bobJid, bobLid)).toEqual({ migrated: 0, skipped: 1, total: 1 })
  })
})
