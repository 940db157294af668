import { describe, expect, test } from 'vitest'
import { createEntropy } from '../../src/sandbox/entropy.ts'
import { createSenderKeys } from '../../src/sandbox/phone/sender-keys.ts'

const group = '120363000000000001@g.us'
const entropy = createEntropy('sender keys')
let made = 0

const pair = () => {
  const [ana, bob] = [createSenderKeys(entropy, `ana ${made}`), createSenderKeys(entropy, `bob ${made++}`)]
  bob.learn(group, 'ana', ana.distribution(group))
  return { ana, bob, read: (message: Buffer) => bob.decrypt(group, 'ana', message).toString() }
}

describe('sender keys', () => {
  test('messages are read in any order, and each once', () => {
    const { ana, read } = pair()
    const messages = ['a', 'b', 'c', 'd'].map((text) => ana.encrypt(group, Buffer.from(text)))
    const [a, b, c, d] = messages
    if (!a || !b || !c || !d) throw new Error('no messages')
    expect([c, a, d, b].map(read)).toEqual(['c', 'a', 'd', 'b'])
    for (const message of messages) expect(() => read(message)).toThrow('decrypted before')
  })

  test('a distribution is good from its own message on', () => {
    const { ana } = pair()
    const early = ana.encrypt(group, Buffer.from('early'))
    const late = createSenderKeys(entropy, 'late')
    late.learn(group, 'ana', ana.distribution(group))
    expect(() => late.decrypt(group, 'ana', early)).toThrow('decrypted before')
    const next = ana.encrypt(group, Buffer.from('next'))
    expect(late.decrypt(group, 'ana', next).toString()).toBe('next')
  })

  test('the same distribution again does not take the chain back', () => {
    const { ana, bob, read } = pair()
    const distribution = ana.distribution(group)
    const message = ana.encrypt(group, Buffer.from('once'))
    expect(read(message)).toBe('once')
    bob.learn(group, 'ana', distribution)
    expect(() => read(message)).toThrow('decrypted before')
  })

  test('a key made anew is another, and messages of the old one are still read', () => {
    const { ana, bob, read } = pair()
    const old = ana.encrypt(group, Buffer.from('old'))
    ana.forget(group)
    const fresh = ana.encrypt(group, Buffer.from('new'))
    expect(() => read(fresh)).toThrow('no sender key')
    bob.learn(group, 'ana', ana.distribution(group))
    const next = ana.encrypt(group, Buffer.from('next'))
    expect([next, old].map(read)).toEqual(['next', 'old'])
  })

  test('a message with another signature, sender or group is refused', () => {
    const { ana, bob, read } = pair()
    const message = ana.encrypt(group, Buffer.from('mine'))
    const forged = Buffer.from(message)
    forged.writeUInt8(forged.readUInt8(forged.length - 40) ^ 1, forged.length - 40)
    expect(() => read(forged)).toThrow('signature')
    expect(() => bob.decrypt(group, 'cid', message)).toThrow('no sender key')
    expect(() => bob.decrypt('120363000000000002@g.us', 'ana', message)).toThrow('no sender key')
    expect(read(message)).toBe('mine')
  })

  test('a message may be 2,000 ahead, and those before it are still read', () => {
    const { ana, read } = pair()
    const messages = Array.from({ length: 2002 }, (_, at) => ana.encrypt(group, Buffer.from(String(at))))
    const at = (index: number): Buffer => messages[index] ?? Buffer.alloc(0)
    expect(() => read(at(2001))).toThrow('too far ahead')
    expect(read(at(2000))).toBe('2000')
    expect([0, 1999, 2001].map((index) => read(at(index)))).toEqual(['0', '1999', '2001'])
  })

  test('five keys of a sender are kept', () => {
    const { ana, bob, read } = pair()
    const messages = Array.from({ length: 6 }, (_, at) => {
      const message = ana.encrypt(group, Buffer.from(String(at)))
      ana.forget(group)
      bob.learn(group, 'ana', ana.distribution(group))
      return message
    })
    const [first, second] = messages
    if (first === undefined || second === undefined) throw new Error('no messages')
    expect(() => read(first)).toThrow('no sender key')
    expect(messages.slice(2).map(read)).toEqual(['2', '3', '4', '5'])
  })

  test('what cannot be a message or a key is refused', () => {
    const { bob } = pair()
    expect(() => bob.decrypt(group, 'ana', Buffer.alloc(3))).toThrow()
    expect(() => bob.decrypt(group, 'ana', Buffer.alloc(100))).toThrow('not version 3')
    expect(() => bob.learn(group, 'ana', Buffer.from([0x33]))).toThrow('not whole')
  })
})
