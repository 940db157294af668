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
  test('a first message: reads, one commit of session, identity, used pre-key and journal row, and only then the text', async () => {
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

  test('an encrypted message: its session is on disk before the ciphertext is handed out', async () => {
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

  test('many new sessions and the first messages to them are one commit', async () => {
    const a = await ours(aliceJid)
    const others = Array.from({ length: 10 }, (_, index) => stock(`491522222220${index}@s.whatsapp.net`))
    for (const other of others) await meet(a, other)
    const messages = await Promise.all(others.map((other) => write(a, other, 'to each')))
    expect(a.trace.filter((step) => step.startsWith('COMMIT'))).toEqual(['COMMIT session'])
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
    expect((await a.store.auth.keys(a.deviceId, 'session', [id])).size).toBe(0)
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
  test('rejects a decryption with the store’s own error, leaves the rows, and a redelivery decrypts', async () => {
    const a = stock(aliceJid)
    const b = await ours(bobJid)
    await meet(a, b, 5)
    const message = await write(a, b, 'one')
    const rows = await b.rows()
    b.failNextCommit(full)
    await expect(read(b, a, stanza(b, a, 'M1', message))).rejects.toBe(full)
    expect(await b.rows()).toBe(rows)
    expect(b.journaled).toEqual([])
    expect(await read(b, a, stanza(b, a, 'M1', message))).toBe('one')
    expect(await says(b, a, 'answer')).toBe('answer')
  })

  test('rejects an encryption, and the next one uses the same counter: nothing was handed out', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    const rows = await a.rows()
    a.failNextCommit(full)
    await expect(write(a, b, 'lost')).rejects.toBe(full)
    expect(await a.rows()).toBe(rows)
    expect(await says(a, b, 'kept')).toBe('kept')
  })

  test('fails all that share it, and stops no operation that comes behind', async () => {
    const a = await ours(aliceJid)
    const b = stock(bobJid)
    await acquaint(a, b)
    a.failNextCommit(full)
    const rows = await a.rows()
    const lost = await Promise.allSettled(['0', '1', '2'].map((text) => write(a, b, text)))
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(await a.rows()).toBe(rows)
    for (const text of ['3', '4']) expect(await says(a, b, text)).toBe(text)
  })
})

test('a connector whose lease has changed hands writes nothing and hands nothing out', async () => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  await acquaint(a, b)
  const inbound = await write(b, a, 'too late')
  const rows = await a.rows()
  await claimDevice(a.store, a.deviceId)
  await expect(write(a, b, 'too late')).rejects.toBeInstanceOf(StaleLeaseError)
  await expect(read(a, b, inbound)).rejects.toBeInstanceOf(StaleLeaseError)
  await expect(meet(a, b, 2)).rejects.toBeInstanceOf(StaleLeaseError)
  expect(await a.rows()).toBe(rows)

  const successor = await ours(aliceJid, a.store, a.deviceId)
  expect(await read(successor, b, inbound)).toBe('too late')
  expect(await says(successor, b, 'taken over')).toBe('taken over')
})
