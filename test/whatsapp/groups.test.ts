import type { BinaryNode, GroupMetadata } from '@whiskeysockets/baileys'
import { afterAll, describe, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { loadAuthState } from '../../src/whatsapp/auth-state.ts'
import { createGroups } from '../../src/whatsapp/groups.ts'
import { claimDevice, closeStores, memoryStore, now } from './signal/parties.ts'

afterAll(closeStores)

const hourMs = 60 * 60 * 1000
const group = '120363000000000001@g.us'
const ownKey = `${group}::1_1::3`

const metadataOf = (...ids: string[]): GroupMetadata => ({
  id: group,
  subject: 'Team',
  owner: undefined,
  desc: 'a long description',
  participants: ids.map((id) => ({ id, admin: 'admin' as const })),
})

const notification = (tag: string, type = 'w:gp2'): BinaryNode => ({
  tag: 'notification',
  attrs: { type, from: group },
  content: [{ tag, attrs: {} }],
})

const open = async (store: Store) => {
  const server = { asked: 0, answer: async (): Promise<GroupMetadata> => metadataOf('1@lid', '2@lid') }
  const clock = { now }
  const lease = await claimDevice(store, 'phone-1')
  const auth = await loadAuthState({
    store,
    deviceId: 'phone-1',
    lease,
    now: () => clock.now,
    onFailed: () => undefined,
    onWrite: () => () => undefined,
  })
  const groups = createGroups({
    keys: auth.keys,
    now: () => clock.now,
    learn: (pairs) => store.addresses.learn(lease, 'phone-1', pairs, clock.now),
    fetch: () => {
      server.asked += 1
      return server.answer()
    },
    alone: (work) => work(groups.keys),
    ownSenderKeys: () => [ownKey],
  })
  const memory = async (): Promise<Record<string, boolean>> =>
    (await groups.keys.get('sender-key-memory', [group]))[group] ?? {}
  const remember = async (...jids: string[]): Promise<void> => {
    const keyed = { ...(await memory()), ...Object.fromEntries(jids.map((jid) => [jid, true])) }
    await groups.keys.set({ 'sender-key-memory': { [group]: keyed } })
  }
  const idsOf = async (): Promise<string[]> => (await groups.metadata(group)).participants.map(({ id }) => id)
  return { groups, server, clock, memory, remember, idsOf, keys: auth.keys }
}

describe('who is in a group', () => {
  test('is asked once, also by many at once, and outlives a restart', async () => {
    const store = await memoryStore()
    const first = await open(store)
    const answers = await Promise.all([first.idsOf(), first.idsOf(), first.idsOf()])
    expect(answers).toEqual(Array.from({ length: 3 }, () => ['1@lid', '2@lid']))
    await first.idsOf()
    expect(first.server.asked).toBe(1)
    const second = await open(store)
    expect(await second.idsOf()).toEqual(['1@lid', '2@lid'])
    expect(second.server.asked).toBe(0)
  })

  test('is kept with both addresses of each member, under whichever the group has them', async () => {
    const store = await memoryStore()
    const { idsOf, server } = await open(store)
    const [pn, lid] = ['4915111111111@s.whatsapp.net', '111111111111111@lid']
    const [otherPn, otherLid] = ['4915222222222@s.whatsapp.net', '222222222222222@lid']
    const participants = [
      { id: lid, phoneNumber: pn },
      { id: otherPn, lid: otherLid },
    ]
    server.answer = async () => ({ ...metadataOf(), participants })
    expect(await idsOf()).toEqual([lid, otherPn])
    expect(await store.addresses.complete('phone-1', { pn: null, lid })).toEqual({ pn, lid })
    const other = await store.addresses.complete('phone-1', { pn: otherPn, lid: null })
    expect(other).toEqual({ pn: otherPn, lid: otherLid })
  })

  test('is asked again after a day, and when the clock was put back', async () => {
    const { idsOf, server, clock } = await open(await memoryStore())
    await idsOf()
    clock.now = now + 24 * hourMs - 1
    await idsOf()
    expect(server.asked).toBe(1)
    clock.now = now + 24 * hourMs
    await idsOf()
    expect(server.asked).toBe(2)
    clock.now = now
    await idsOf()
    expect(server.asked).toBe(3)
  })

  test.each(['add', 'remove', 'promote', 'ephemeral'])('is asked again after %s', async (tag) => {
    const { groups, idsOf, server } = await open(await memoryStore())
    await idsOf()
    await groups.onNotification(notification(tag))
    server.answer = async () => metadataOf('3@lid')
    expect(await idsOf()).toEqual(['3@lid'])
    expect(server.asked).toBe(2)
  })

  test('is not asked again for notifications of something else', async () => {
    const { groups, idsOf, server } = await open(await memoryStore())
    await idsOf()
    expect(groups.onNotification(notification('add', 'picture'))).toBeUndefined()
    await idsOf()
    expect(server.asked).toBe(1)
  })

  test('is asked again, in all groups, when the server says that there were changes', async () => {
    const store = await memoryStore()
    const { groups, idsOf, clock } = await open(store)
    await idsOf()
    clock.now = now + 1
    await groups.forgetAll()
    const later = await open(store)
    later.clock.now = now + 2
    await later.idsOf()
    await later.idsOf()
    expect(later.server.asked).toBe(1)
  })

  test('that was on its way when somebody came is not kept', async () => {
    const { groups, idsOf, server } = await open(await memoryStore())
    const { promise, resolve } = Promise.withResolvers<GroupMetadata>()
    server.answer = () => promise
    const early = idsOf()
    await groups.onNotification(notification('add'))
    resolve(metadataOf('old@lid'))
    await early
    server.answer = async () => metadataOf('old@lid', 'new@lid')
    expect(await idsOf()).toEqual(['old@lid', 'new@lid'])
  })

  test('is asked again after a failure', async () => {
    const { idsOf, server } = await open(await memoryStore())
    server.answer = async () => {
      throw new Error('forbidden')
    }
    await expect(idsOf()).rejects.toThrow('forbidden')
    server.answer = async () => metadataOf('1@lid')
    expect(await idsOf()).toEqual(['1@lid'])
  })
})

describe('who was given the sender key', () => {
  test('is known at once, and beyond the socket only when the server has acked', async () => {
    const store = await memoryStore()
    const first = await open(store)
    await first.remember('1@lid')
    expect(await first.memory()).toEqual({ '1@lid': true })
    const second = await open(store)
    expect(await second.memory()).toEqual({})
    await second.remember('1@lid', '2@lid')
    await second.groups.confirm(group)
    expect(await (await open(store)).memory()).toEqual({ '1@lid': true, '2@lid': true })
  })

  test('is forgotten when the message may not have come', async () => {
    const { groups, memory, remember } = await open(await memoryStore())
    await remember('1@lid')
    await groups.confirm(group)
    await remember('2@lid')
    groups.discard(group)
    expect(await memory()).toEqual({ '1@lid': true })
  })

  test('is not what Baileys writes into while it makes a message that is never sent', async () => {
    const { memory } = await open(await memoryStore())
    const mine = await memory()
    mine['1@lid'] = true
    expect(await memory()).toEqual({})
  })

  test('is nobody after a member has left, and the own key is gone with it, in one write', async () => {
    const store = await memoryStore()
    const { groups, memory, remember, keys } = await open(store)
    await keys.set({ 'sender-key': { [ownKey]: new Uint8Array([1]) } })
    await remember('1@lid')
    await groups.confirm(group)
    const commits: string[] = []
    const set = keys.set.bind(keys)
    keys.set = (data) => {
      commits.push(Object.keys(data).toSorted().join())
      return set(data)
    }
    await groups.onNotification(notification('remove'))
    expect(commits).toEqual(['group-metadata-cache,sender-key,sender-key-memory'])
    expect(await memory()).toEqual({})
    expect(await keys.get('sender-key', [ownKey])).toEqual({})
    expect(await (await open(store)).memory()).toEqual({})
  })

  test('is nobody when it was forgotten while a message was made', async () => {
    const { groups, memory, remember } = await open(await memoryStore())
    await remember('1@lid')
    await groups.confirm(group)
    const read = await memory()
    await groups.keys.set({ 'sender-key-memory': { [group]: null } })
    await groups.keys.set({ 'sender-key-memory': { [group]: { ...read, '2@lid': true } } })
    await groups.confirm(group)
    expect(await memory()).toEqual({})
  })

  test('that has not changed is not written', async () => {
    const { groups, remember, keys } = await open(await memoryStore())
    await remember('1@lid')
    await groups.confirm(group)
    let writes = 0
    const set = keys.set.bind(keys)
    keys.set = (data) => {
      writes += 1
      return set(data)
    }
    await remember('1@lid')
    await groups.confirm(group)
    expect(writes).toBe(0)
  })
})
