import { afterAll, describe, expect, test } from 'vitest'
import {
  type Account,
  aliceJid,
  bobJid,
  closeStores,
  memoryStore,
  ours,
  outcome,
  type OwnAccount,
  stock,
} from './parties.ts'

afterAll(closeStores)

const group = '120363000000000001@g.us'

interface GroupMessage {
  readonly senderKeyDistributionMessage: Uint8Array
  readonly ciphertext: Uint8Array
}

const post = (by: Account, text: string): Promise<GroupMessage> =>
  by.repository.encryptGroupMessage({ group, meId: by.jid, data: Buffer.from(text) })

const learn = (by: Account, from: Account, key: Uint8Array): Promise<void> =>
  by.repository.processSenderKeyDistributionMessage({
    authorJid: from.jid,
    item: { groupId: group, axolotlSenderKeyDistributionMessage: key },
  })

const readPost = async (by: Account, from: Account, msg: Uint8Array): Promise<string> => {
  const plaintext = await by.repository.decryptGroupMessage({ group, authorJid: from.jid, msg })
  return Buffer.from(plaintext).toString()
}

const pairings: readonly {
  readonly who: string
  readonly make: () => Promise<readonly [Account, Account]>
  readonly skipsSafely: boolean
}[] = [
  {
    who: 'ours to ours',
    make: async () => [await ours(aliceJid), await ours(bobJid)],
    skipsSafely: true,
  },
  { who: 'ours to stock', make: async () => [await ours(aliceJid), stock(bobJid)], skipsSafely: false },
  { who: 'stock to ours', make: async () => [stock(aliceJid), await ours(bobJid)], skipsSafely: true },
]

describe.each(pairings)('a group message of $who', ({ make, skipsSafely }) => {
  test('is read once the sender key has come', async () => {
    const [a, b] = await make()
    const first = await post(a, 'one')
    const early = await outcome(readPost(b, a, first.ciphertext))
    expect(early).toBe('Error: No session found to decrypt message')
    await learn(b, a, first.senderKeyDistributionMessage)
    expect(await readPost(b, a, first.ciphertext)).toBe('one')
    for (const text of ['two', 'three'])
      expect(await readPost(b, a, (await post(a, text)).ciphertext)).toBe(text)
  })

  test('is read from the middle of a chain by a newcomer, who cannot read what was before', async () => {
    const [a, b] = await make()
    const old = await post(a, 'before')
    const key = await a.repository.getSenderKeyDistributionMessage({ group, meId: a.jid })
    await learn(b, a, key)
    expect(await readPost(b, a, (await post(a, 'after')).ciphertext)).toBe('after')
    expect(await outcome(readPost(b, a, old.ciphertext))).toMatch(/^Error: /)
    expect(await readPost(b, a, (await post(a, 'and on')).ciphertext)).toBe('and on')
  })

  test.runIf(skipsSafely)('is read when messages come in the wrong order', async () => {
    const [a, b] = await make()
    const posts = [await post(a, 'p0'), await post(a, 'p1'), await post(a, 'p2'), await post(a, 'p3')]
    await learn(b, a, posts[0]?.senderKeyDistributionMessage as Uint8Array)
    const got: string[] = []
    for (const at of [0, 2, 1, 3])
      got.push(await outcome(readPost(b, a, (posts[at] as GroupMessage).ciphertext)))
    expect(got).toEqual(['p0', 'p2', 'p1', 'p3'])
  })

  test('is read twice only with the word that Baileys knows', async () => {
    const [a, b] = await make()
    const { senderKeyDistributionMessage, ciphertext } = await post(a, 'one')
    await learn(b, a, senderKeyDistributionMessage)
    await readPost(b, a, ciphertext)
    expect(await outcome(readPost(b, a, ciphertext))).toMatch(
      skipsSafely ? /^Error: Key used already or never filled$/ : /^Error: Received message with old counter/,
    )
  })
})

test('a sender key that comes twice does not put the chain back', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  const first = await post(a, 'one')
  await learn(b, a, first.senderKeyDistributionMessage)
  await readPost(b, a, first.ciphertext)
  await learn(b, a, first.senderKeyDistributionMessage)
  expect(await readPost(b, a, (await post(a, 'two')).ciphertext)).toBe('two')
})

test('40 group messages encrypted at once are all read', async () => {
  const a = await ours(aliceJid)
  const b = stock(bobJid)
  const posts = await Promise.all(Array.from({ length: 40 }, (_, at) => post(a, `g${at}`)))
  await learn(b, a, posts[0]?.senderKeyDistributionMessage as Uint8Array)
  const got: string[] = []
  for (const { ciphertext } of posts) got.push(await outcome(readPost(b, a, ciphertext)))
  expect(got).toEqual(Array.from({ length: 40 }, (_, at) => `g${at}`))
})

test('sender keys go on after a restart, in both directions', async () => {
  const store = await memoryStore()
  const before = await ours(aliceJid, store)
  const b = stock(bobJid)
  const ofUs = await post(before, 'one')
  await learn(b, before, ofUs.senderKeyDistributionMessage)
  await readPost(b, before, ofUs.ciphertext)
  const ofB = await post(b, 'eins')
  await learn(before, b, ofB.senderKeyDistributionMessage)
  await readPost(before, b, ofB.ciphertext)

  const after = await ours(aliceJid, store)
  expect(await readPost(b, after, (await post(after, 'two')).ciphertext)).toBe('two')
  expect(await readPost(after, b, (await post(b, 'zwei')).ciphertext)).toBe('zwei')
})

test('hasSenderKey says whether we have a sender key for a group', async () => {
  const a = await ours(aliceJid)
  const asked = { group, meId: a.jid }
  expect(await a.repository.hasSenderKey(asked)).toBe(false)
  await post(a, 'one')
  expect(await a.repository.hasSenderKey(asked)).toBe(true)
  expect(await a.repository.hasSenderKey({ ...asked, group: '120363000000000002@g.us' })).toBe(false)
})

test('a sender key lies under the same row name as in Baileys', async () => {
  const a: OwnAccount = await ours(aliceJid)
  await post(a, 'one')
  const id = `${group}::4915111111111::0`
  expect([...(await a.stored('sender-key', [id])).keys()]).toEqual([id])
})

test('a sender key message without a group or a key, or with garbage, is an Error and writes nothing', async () => {
  const a = await ours(aliceJid)
  const items = [
    {},
    { groupId: group },
    { groupId: '', axolotlSenderKeyDistributionMessage: Buffer.from([1]) },
    { groupId: group, axolotlSenderKeyDistributionMessage: Buffer.alloc(0) },
    { groupId: group, axolotlSenderKeyDistributionMessage: Buffer.alloc(80, 7) },
  ]
  for (const item of items) {
    const done = a.repository.processSenderKeyDistributionMessage({ item, authorJid: bobJid })
    await expect(done).rejects.toBeInstanceOf(Error)
  }
  expect(a.commits).toEqual([])
})

test('a message that claims another member as its author is not read', async () => {
  const a = stock(aliceJid)
  const b = await ours(bobJid)
  const mallory = stock('4915999999999@s.whatsapp.net')
  const ofA = await post(a, 'one')
  await learn(b, a, ofA.senderKeyDistributionMessage)
  const forged = await post(mallory, 'as if by a')
  expect(await outcome(readPost(b, a, forged.ciphertext))).toMatch(/^Error: /)
  expect(await readPost(b, a, ofA.ciphertext)).toBe('one')
})
