import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { element, type Node } from '../../src/sandbox/protocol/node.ts'
import { createEntropy } from '../../src/sandbox/entropy.ts'
import { createFaults, isMeant } from '../../src/sandbox/faults.ts'
import { muteLibsignal } from '../../src/sandbox/libsignal-console.ts'
import { createDirectory } from '../../src/sandbox/state/directory.ts'
import { createGroups } from '../../src/sandbox/state/groups.ts'
import { createKeyStore } from '../../src/sandbox/state/key-store.ts'
import { createMailbox } from '../../src/sandbox/state/mailbox.ts'
import { createCounters } from '../../src/sandbox/stats.ts'

const message = (id: string, from = '1@s.whatsapp.net'): Node => element('message', { id, from })
const receipt = (id: string, to = '1@s.whatsapp.net', type?: string): Node =>
  element('receipt', { id, to, type })

describe('a mailbox', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const setUp = (maxStanzas = 100) => {
    const counters = createCounters()
    const written: string[] = []
    const mailbox = createMailbox({ counters, holdMs: 1000, maxStanzas })
    const write = (stanza: Node): void => {
      const child = Array.isArray(stanza.content) ? stanza.content[0]?.tag : undefined
      written.push(child ?? `${stanza.attrs['id']}${stanza.attrs['offline'] === undefined ? '' : ' offline'}`)
    }
    return { counters, written, mailbox, write }
  }

  test('keeps what is written until it is confirmed', () => {
    const { mailbox, write, written, counters } = setUp()
    mailbox.put(message('a'))
    mailbox.attach(write)
    mailbox.detach(write)
    mailbox.attach(write)
    mailbox.confirm(receipt('a'))
    mailbox.detach(write)
    mailbox.attach(write)
    expect(written).toEqual([
      'offline_preview',
      'a offline',
      'offline',
      'offline_preview',
      'a offline',
      'offline',
      'offline',
    ])
    expect(counters.redelivered).toBe(1)
  })

  test('holds live stanzas behind the backlog, at most for its limit', () => {
    const { mailbox, write, written } = setUp()
    mailbox.put(message('a'))
    mailbox.attach(write)
    mailbox.put(message('b'))
    expect(written).not.toContain('b')
    vi.advanceTimersByTime(999)
    expect(written).not.toContain('b')
    vi.advanceTimersByTime(1)
    expect(written.at(-1)).toBe('b')
    mailbox.put(message('c'))
    expect(written.at(-1)).toBe('c')
  })

  test('tells messages with one id apart by who sent them', () => {
    const { mailbox, write } = setUp()
    mailbox.put(message('same', '1@s.whatsapp.net'))
    mailbox.put(message('same', '2@s.whatsapp.net'))
    mailbox.attach(write)
    mailbox.confirm(receipt('same', '2@s.whatsapp.net'))
    expect(mailbox.size).toBe(1)
    mailbox.confirm(receipt('same', '2@s.whatsapp.net'))
    mailbox.confirm(receipt('same', '1@s.whatsapp.net'))
    expect(mailbox.size).toBe(0)
  })

  test('takes an ack for the receipt of its type only', () => {
    const { mailbox, write } = setUp()
    mailbox.put(element('receipt', { id: 'a', from: '1@s.whatsapp.net' }))
    mailbox.put(element('receipt', { id: 'a', from: '1@s.whatsapp.net', type: 'read' }))
    mailbox.attach(write)
    const ack = { class: 'receipt', id: 'a', to: '1@s.whatsapp.net' }
    mailbox.confirm(element('ack', { ...ack, type: 'read' }))
    expect(mailbox.size).toBe(1)
    mailbox.confirm(element('ack', { ...ack, class: 'notification' }))
    expect(mailbox.size).toBe(1)
    mailbox.confirm(element('ack', ack))
    expect(mailbox.size).toBe(0)
  })

  test('drops the oldest when it is full, and counts that', () => {
    const { mailbox, write, written, counters } = setUp(2)
    for (const id of ['a', 'b', 'c']) mailbox.put(message(id))
    mailbox.attach(write)
    expect(written).toEqual(['offline_preview', 'b offline', 'c offline', 'offline'])
    expect(counters.mailboxDropped).toBe(1)
  })
})

test('a key store hands each one-time key out once, then the signed one alone', () => {
  const key = (keyId: number) => ({ keyId, publicKey: Buffer.alloc(32, keyId) })
  const signedPreKey = { ...key(9), signature: Buffer.alloc(64) }
  const store = createKeyStore({ registrationId: 1, identityKey: Buffer.alloc(32), signedPreKey })
  store.upload({ registrationId: 1, signedPreKey, preKeys: [key(1), key(2)] })
  expect([store.take(), store.take(), store.take()].map(({ preKey }) => preKey?.keyId)).toEqual([
    1,
    2,
    undefined,
  ])
  expect(store.count).toBe(0)
})

describe('faults', () => {
  test('are used up one occasion at a time', () => {
    const faults = createFaults()
    faults.add({ kind: 'nack', device: undefined, left: 2, code: 479 })
    expect([1, 2, 3].map(() => faults.consume('nack')?.code)).toEqual([479, 479, undefined])
    expect(faults.active).toEqual([])
  })

  test('for a device leave sockets alone that are not linked', () => {
    expect(isMeant('15550001', undefined)).toBe(false)
    expect(isMeant(undefined, undefined)).toBe(true)
  })

  test('of delay replace each other', () => {
    const faults = createFaults()
    faults.add({ kind: 'delay', device: undefined, ms: 500 })
    faults.add({ kind: 'delay', device: undefined, ms: 20 })
    expect(faults.delayMs(undefined)).toBe(20)
  })
})

test("libsignal's lines are dropped, others are not, and the console is as before at the end", () => {
  const { console } = globalThis
  const seen: unknown[] = []
  const spy = vi.spyOn(console, 'info').mockImplementation((...args: unknown[]) => {
    seen.push(args[0])
  })
  const [first, second] = [muteLibsignal(), muteLibsignal()]
  console.info('Closing session:', { privKey: 'secret' })
  console.info('Closing time')
  first()
  console.info('Opening session:', {})
  second()
  console.info('Opening session:', 'by somebody else')
  expect(seen).toEqual(['Closing time', 'Opening session:'])
  spy.mockRestore()
})

describe('groups', () => {
  const setUp = (count: number) => {
    const entropy = createEntropy('groups')
    const directory = createDirectory(entropy)
    const accounts = Array.from({ length: count }, (_, at) => directory.create(`1555${at}`, `Phone ${at}`))
    const [owner] = accounts
    if (owner === undefined) throw new Error('no account')
    const groups = createGroups(entropy)
    const create = (members = accounts) =>
      groups.create({ subject: 'Team', addressing: 'lid', owner, createdAtSeconds: 1, members })
    return { accounts, groups, create }
  }

  test('have 1,024 members at most', () => {
    const { accounts, groups, create } = setUp(1025)
    const group = create(accounts.slice(0, 1023))
    groups.change(group, { add: accounts.slice(1023, 1024), remove: [] })
    expect(group.members.size).toBe(1024)
    const more = { add: accounts.slice(1024), remove: [] }
    expect(() => groups.change(group, more)).toThrow('a group has 1024 members at most')
    groups.change(group, { add: [], remove: accounts.slice(1, 2) })
    groups.change(group, more)
    expect(group.members.size).toBe(1024)
  })

  test('are 1,000 at most, each with a JID of its own', () => {
    const { groups, create } = setUp(1)
    const jids = Array.from({ length: 1000 }, () => create().jid)
    expect(new Set(jids).size).toBe(1000)
    expect(() => create()).toThrow('there are 1000 groups already')
    expect(groups.all).toHaveLength(1000)
  })
})
