import { afterAll, describe, expect, test } from 'vitest'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import { StoreError } from '../../../src/store/store.ts'
import {
  acquaint,
  aliceJid,
  bobJid,
  carolJid,
  claimDevice,
  closeStores,
  meet,
  ours,
  outcome,
  read,
  says,
  stanza,
  stock,
  write,
} from './parties.ts'

afterAll(closeStores)

const clear = (list: unknown[]): void => {
  list.length = 0
}
const full = new StoreError('full', 'the disk is full')

describe('one operation is one commit', () => {
  test('a first message: reads, one commit of session, identity, used pre-key and journal row, and then the text', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    const message = stanza(b, a, 'M1', await write(a, b, 'one'))
    clear(b.trace)
    const done = read(b, a, message).then((text) => b.trace.push(`resolved ${text}`))
    await done
    expect(b.trace).toEqual([
      'journal?',
      'read session',
      'read identity-key',
      'read pre-key',
      'COMMIT identity-key+pre-key+session with journal',
      'resolved one',
    ])
    const [commit] = b.commits
    expect(commit?.changes['pre-key']).toEqual({ 5: null })
    expect(commit?.journal?.plaintext).toEqual(Buffer.from('one'))
    expect(commit?.journal?.stanzaKey).toContain('M1')
  })

  test('a later message: session and journal row', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await acquaint(a, b)
    const message = stanza(b, a, 'M2', await write(a, b, 'two'))
    clear(b.trace)
    await read(b, a, message)
    expect(b.trace).toEqual(['journal?', 'read session', 'COMMIT session with journal'])
  })

  test('an encrypted message: its session is on its way to the disk before the ciphertext is handed out', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    clear(a.trace)
    await write(a, b, 'three').then(() => a.trace.push('resolved'))
    expect(a.trace).toEqual(['read session', 'COMMIT session', 'resolved'])
  })

  test('a group message: its sender key', async () => {
    const a = await ours(aliceJid)
    await a.repository.encryptGroupMessage({
      group: '120363000000000001@g.us',
      meId: aliceJid,
      data: Buffer.from('x'),
    })
    expect(a.trace).toEqual(['read sender-key', 'COMMIT sender-key'])
  })

  test('a new session out of a bundle is written with the first message', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await meet(a, b)
    expect(a.trace).toEqual(['read session'])
    expect(await a.repository.validateSession(b.jid)).toEqual({ exists: true })
    clear(a.trace)
    expect(await says(a, b, 'hello')).toBe('hello')
    expect(a.trace).toEqual(['read session', 'COMMIT session'])
  })

  test('many new sessions are written with the first messages to them', async () => {
    const a = await ours(aliceJid)
    const others = Array.from({ length: 10 }, (_, index) => stock(`491522222220${index}@s.whatsapp.net`))
    for (const other of others) await meet(a, other)
    const messages = await Promise.all(others.map((other) => write(a, other, 'to each')))
    expect(a.commits.map(({ changes }) => Object.keys(changes['session'] ?? {}).length)).toEqual(
      others.map(() => 1),
    )
    await a.settled()
    const ids = others.map(({ jid }) => a.repository.jidToSignalProtocolAddress(jid))
    expect((await a.stored('session', ids)).size).toBe(others.length)
    for (const [at, other] of others.entries()) {
      const message = messages[at]
      if (message === undefined) throw new Error('no message')
      expect(await read(other, a, message)).toBe('to each')
    }
  })

  test('a new session that was deleted does not come back', async () => {
    const a = await ours(aliceJid)
    const [b, c] = [stock(bobJid), stock(carolJid)]
    await meet(a, b)
    const id = a.repository.jidToSignalProtocolAddress(b.jid)
    await a.keys.set({ session: { [id]: null } })
    expect(await a.repository.validateSession(b.jid)).toMatchObject({ exists: false })
    await acquaint(a, c)
    expect((await a.stored('session', [id])).size).toBe(0)
  })
})

describe('a redelivered message', () => {
  test('is answered from the journal and touches nothing', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b)
    const message = await write(a, b, 'one')
    await read(b, a, stanza(b, a, 'M1', message))
    const rows = await b.rows()
    clear(b.trace)
    clear(b.commits)
    expect(await read(b, a, stanza(b, a, 'M1', message))).toBe('one')
    expect(b.trace).toEqual(['journal?'])
    expect(b.commits).toEqual([])
    expect(await b.rows()).toBe(rows)
    expect(b.journaled).toHaveLength(2)
    expect(b.undecryptable).toEqual([])
  })

  test('is answered from the journal though its sender goes by another address by now', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b)
    const message = await write(a, b, 'one')
    await read(b, a, stanza(b, a, 'M1', message))
    const again = stanza(b, a, 'M1', message)
    const plaintext = await b.repository.decryptMessage({ jid: '1234567@lid', ...again })
    expect(Buffer.from(plaintext).toString()).toBe('one')
  })

  test('under another id is not answered from the journal: nobody replays a ciphertext as his own', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await acquaint(a, b)
    const message = await write(a, b, 'one')
    await read(b, a, stanza(b, a, 'M1', message))
    expect(await outcome(read(b, a, stanza(b, a, 'M2', message)))).toBe(
      'Error: Key used already or never filled',
    )
  })

  for (const kind of ['msg', 'pkmsg'] as const) {
    test(`that is not in the journal any more, a ${kind}, is the one Error that Baileys takes as done`, async () => {
      const a = stock(aliceJid)
      const b = await ours(bobJid)
      await meet(a, b)
      if (kind === 'msg') {
        await says(a, b, 'hello')
        await says(b, a, 'hello to you')
      }
      const message = await write(a, b, 'one')
      expect(message.type).toBe(kind)
      await read(b, a, message)
      const rows = await b.rows()
      expect(await outcome(read(b, a, message))).toBe('Error: Key used already or never filled')
      expect(await b.rows()).toBe(rows)
      expect(await says(a, b, 'next')).toBe('next')
    })
  }

  test('of a session that was replaced since, a pkmsg, is that Error too and changes nothing', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 1)
    const old = await write(a, b, 'old')
    await read(b, a, old)
    await says(b, a, 'answer')
    await meet(a, b, 2)
    expect(await says(a, b, 'on the new session')).toBe('on the new session')
    expect(await says(b, a, 'answer')).toBe('answer')
    const rows = await b.rows()
    expect(await outcome(read(b, a, old))).toBe('Error: Key used already or never filled')
    expect(await b.rows()).toBe(rows)
    expect(await says(a, b, 'still there')).toBe('still there')
  })
})

describe('a message that cannot be decrypted', () => {
  test('commits nothing, changes no row, and is told with its stanza before Baileys hears of it', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await acquaint(a, b)
    const message = await write(a, b, 'one')
    const broken = Buffer.from(message.ciphertext)
    broken.writeUInt8(broken.readUInt8(broken.length - 10) ^ 1, broken.length - 10)
    const rows = await b.rows()
    clear(b.commits)
    const received = stanza(b, a, 'M1', { ...message, ciphertext: broken })
    expect(await outcome(read(b, a, received))).toBe('Error: Bad MAC')
    expect(b.commits).toEqual([])
    expect(await b.rows()).toBe(rows)
    expect(b.undecryptable.map(({ part, error }) => [part.id, error.message])).toEqual([['M1', 'Bad MAC']])
    expect(b.journaled).toEqual([])
    expect(await read(b, a, message)).toBe('one')
  })

  test('a first message that cannot be decrypted keeps its pre-key for a good one', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    const message = await write(a, b, 'one')
    const broken = Buffer.from(message.ciphertext)
    const at = broken.indexOf(message.ciphertext.subarray(-30)) + 5
    broken.writeUInt8(broken.readUInt8(at) ^ 1, at)
    const rows = await b.rows()
    expect(await outcome(read(b, a, { ...message, ciphertext: broken }))).toMatch(/^Error: /)
    expect(await b.rows()).toBe(rows)
    expect(await read(b, a, message)).toBe('one')
  })
})

describe('a commit that fails', () => {
  test('leaves the rows, journals nothing, and on the next socket a redelivery decrypts', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    const message = await write(a, b, 'one')
    const rows = await b.rows()
    b.failNextCommit(full)
    await read(b, a, stanza(b, a, 'M1', message))
    expect(await b.rows()).toBe(rows)
    expect(b.failures).toEqual([full])
    expect(b.journaled).toEqual([])
    const next = await ours(bobJid, b.store, b.deviceId)
    expect(await read(next, a, stanza(next, a, 'M1', message))).toBe('one')
    expect(await says(next, a, 'answer')).toBe('answer')
  })

  test('is told before anything else can be done, and then nothing is', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    const rows = await a.rows()
    a.failNextCommit(full)
    await write(a, b, 'lost')
    await a.settled()
    expect(a.failures).toEqual([full])
    for (const text of ['1', '2']) await expect(write(a, b, text)).rejects.toBe(full)
    expect(await a.rows()).toBe(rows)
    const next = await ours(aliceJid, a.store, a.deviceId)
    expect(await says(next, b, 'kept')).toBe('kept')
  })
})

test('a connector whose lease has changed hands writes nothing, and is told so', async () => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  await acquaint(a, b)
  const inbound = await write(b, a, 'too late')
  const rows = await a.rows()
  await claimDevice(a.store, a.deviceId)
  await write(a, b, 'too late')
  await a.settled()
  expect(a.failures).toEqual([expect.any(StaleLeaseError)])
  await expect(read(a, b, inbound)).rejects.toBeInstanceOf(StaleLeaseError)
  await expect(meet(a, b, 2)).rejects.toBeInstanceOf(StaleLeaseError)
  expect(await a.rows()).toBe(rows)

  const successor = await ours(aliceJid, a.store, a.deviceId)
  expect(await read(successor, b, inbound)).toBe('too late')
  expect(await says(successor, b, 'taken over')).toBe('taken over')
})
