import { afterAll, describe, expect, test } from 'vitest'
import { isolateTrials } from './isolated-libsignal.ts'
import {
  type Account,
  acquaint,
  aliceJid,
  bobJid,
  carolJid,
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

const pairings: readonly {
  readonly who: string
  readonly make: () => Promise<readonly [Account, Account]>
}[] = [
  { who: 'ours to ours', make: async () => [await ours(aliceJid), await ours(bobJid)] },
  { who: 'ours to stock', make: async () => [await ours(aliceJid), stock(bobJid)] },
  { who: 'stock to ours', make: async () => [stock(aliceJid), await ours(bobJid)] },
]

const writeAll = async (from: Account, to: Account, texts: readonly string[]): Promise<Ciphertext[]> => {
  const messages: Ciphertext[] = []
  for (const text of texts) messages.push(await write(from, to, text))
  return messages
}

const texts = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${prefix}${at}`)

describe.each(pairings)('$who', ({ make }) => {
  test('a first message, its answer, and messages both ways after it', async () => {
    const [a, b] = await make()
    await meet(a, b)
    const first = await write(a, b, 'hello')
    expect(first.type).toBe('pkmsg')
    expect(await read(b, a, first)).toBe('hello')
    const answer = await write(b, a, 'hello to you')
    expect(answer.type).toBe('msg')
    expect(await read(a, b, answer)).toBe('hello to you')
    for (const text of texts('t', 5)) {
      const message = await write(a, b, text)
      expect(message.type).toBe('msg')
      expect(await read(b, a, message)).toBe(text)
      expect(await says(b, a, `${text} back`)).toBe(`${text} back`)
    }
  })

  test('a first message to somebody whose one-time pre-keys have run out', async () => {
    const [a, b] = await make()
    await meet(a, b, null)
    expect(await says(a, b, 'hello')).toBe('hello')
    expect(await says(b, a, 'hello to you')).toBe('hello to you')
  })

  test('several first messages before any answer', async () => {
    const [a, b] = await make()
    await meet(a, b)
    const messages = await writeAll(a, b, texts('f', 4))
    expect(messages.map(({ type }) => type)).toEqual(['pkmsg', 'pkmsg', 'pkmsg', 'pkmsg'])
    for (const [at, message] of messages.entries()) expect(await read(b, a, message)).toBe(`f${at}`)
  })

  test('messages that come in the wrong order', async () => {
    const [a, b] = await make()
    await acquaint(a, b)
    const before = await writeAll(a, b, texts('old', 4))
    expect(await read(b, a, before[3] as Ciphertext)).toBe('old3')
    await says(b, a, 'a step of the ratchet')
    const after = await writeAll(a, b, texts('new', 4))
    const order = [after[2], before[1], after[0], before[0], after[3], before[2], after[1]]
    const got: string[] = []
    for (const message of order) got.push(await outcome(read(b, a, message as Ciphertext)))
    expect(got).toEqual(['new2', 'old1', 'new0', 'old0', 'new3', 'old2', 'new1'])
  })

  test('first messages that come in the wrong order', async () => {
    const [a, b] = await make()
    await meet(a, b)
    const messages = await writeAll(a, b, texts('f', 3))
    expect(await read(b, a, messages[2] as Ciphertext)).toBe('f2')
    expect(await read(b, a, messages[0] as Ciphertext)).toBe('f0')
    expect(await says(b, a, 'answer')).toBe('answer')
    expect(await read(b, a, messages[1] as Ciphertext)).toBe('f1')
  })

  test('a new session beside the old one: what was written on the old one is still read', async () => {
    const [a, b] = await make()
    await acquaint(a, b)
    const late = await write(a, b, 'late')
    await meet(a, b, 2)
    expect(await says(a, b, 'on the new one')).toBe('on the new one')
    // Without it libsignal reads the late message and spoils the new session by it (crossing.test.ts).
    const restore = isolateTrials()
    try {
      expect(await read(b, a, late)).toBe('late')
    } finally {
      restore()
    }
    expect(await says(b, a, 'answer')).toBe('answer')
  })

  test('an empty message and one of 64 KiB', async () => {
    const [a, b] = await make()
    await acquaint(a, b)
    expect(await says(a, b, '')).toBe('')
    const long = 'x'.repeat(65_536)
    expect(await says(b, a, long)).toBe(long)
  })
})

test('somebody of ours goes on after a restart on the same rows, without a new session', async () => {
  for (const makePeer of [
    (): Promise<Account> => ours(bobJid),
    async (): Promise<Account> => stock(bobJid),
  ]) {
    const store = await memoryStore()
    const peer = await makePeer()
    const before = await ours(aliceJid, store)
    await acquaint(before, peer)
    const late = await write(peer, before, 'written while we were down')
    const { baseKey } = (await before.repository.getSessionInfo(peer.jid)) ?? {}

    const after = await ours(aliceJid, store)
    expect(await read(after, peer, late)).toBe('written while we were down')
    const message = await write(after, peer, 'back')
    expect(message.type).toBe('msg')
    expect(await read(peer, after, message)).toBe('back')
    expect((await after.repository.getSessionInfo(peer.jid))?.baseKey).toEqual(baseKey)
  }
})

test('two accounts of ours in one process and one store do not mix when they talk to the same contact', async () => {
  const store = await memoryStore()
  const first = await ours(aliceJid, store, 'phone-1')
  const second = await ours(bobJid, store, 'phone-2')
  const contact = stock(carolJid)
  await meet(first, contact, 1)
  await meet(second, contact, 2)
  const talk = async (by: Account): Promise<string[]> => {
    const got: string[] = []
    for (let at = 0; at < 10; at += 1) {
      got.push(await says(by, contact, `${by.jid} ${at}`), await says(contact, by, `to ${by.jid} ${at}`))
    }
    return got
  }
  const expected = (by: Account): string[] =>
    Array.from({ length: 10 }, (_, at) => [`${by.jid} ${at}`, `to ${by.jid} ${at}`]).flat()
  const [ofFirst, ofSecond] = await Promise.all([talk(first), talk(second)])
  expect(ofFirst).toEqual(expected(first))
  expect(ofSecond).toEqual(expected(second))
  const info = await first.repository.getSessionInfo(contact.jid)
  expect(info).not.toBeNull()
  expect((await second.repository.getSessionInfo(contact.jid))?.baseKey).not.toEqual(info?.baseKey)
})

test('40 messages encrypted at once have 40 counters, and all of them are read', async () => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  await acquaint(a, b)
  const all = texts('at once ', 40)
  const messages = await Promise.all(all.map((text) => write(a, b, text)))
  const got: string[] = []
  for (const message of messages) got.push(await outcome(read(b, a, message)))
  expect(got).toEqual(all)
})

test('encrypting and decrypting at the same time loses nothing', async () => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  await acquaint(a, b)
  const inbound = await writeAll(b, a, texts('in', 20))
  const [written, got] = await Promise.all([
    Promise.all(texts('out', 20).map((text) => write(a, b, text))),
    Promise.all(inbound.map((message) => outcome(read(a, b, message)))),
  ])
  expect(got).toEqual(texts('in', 20))
  const seen: string[] = []
  for (const message of written) seen.push(await outcome(read(b, a, message)))
  expect(seen).toEqual(texts('out', 20))
})
