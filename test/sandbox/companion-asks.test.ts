import type { WAMessage } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, controlOf, linked, until } from './client.ts'

const [ana, bob, cid, dan] = ['15561001', '15561002', '15561003', '15561004']

let sandbox: Sandbox
let client: Client
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob, cid, dan]) await controlOf(sandbox).phone(number, `Name of ${number}`)
  client = await linked(sandbox, ana)
  await until('the app state key', () => client.creds.myAppStateKeyId)
})
afterAll(async () => {
  await client.close()
  await sandbox.close()
})

const jid = (number: string): string => `${number}@s.whatsapp.net`
const arrived = async (id: string): Promise<WAMessage> =>
  (await until(id, () => client.received.find(({ message }) => message.key.id === id && message.message)))
    .message

describe('what a companion keeps in the app state', () => {
  test('a star is on the phone, until it is taken off', async () => {
    const id = await controlOf(sandbox).write(bob, { to: ana, text: 'star me' })
    const { key } = await arrived(id)
    for (const star of [true, false]) {
      await client.socket.star(jid(bob), [{ id, fromMe: key.fromMe === true }], star)
      expect((await controlOf(sandbox).shown(ana, id)).starred).toBe(star)
    }
    expect((await controlOf(sandbox).shown(bob, id)).starred).toBeUndefined()
  })

  test('a message that is deleted for me is so on the phone', async () => {
    const id = await controlOf(sandbox).write(bob, { to: ana, text: 'not for me' })
    const { key, messageTimestamp } = await arrived(id)
    const deleteForMe = { key, timestamp: Number(messageTimestamp), deleteMedia: false }
    await client.socket.chatModify({ deleteForMe }, jid(bob))
    expect(await controlOf(sandbox).shown(ana, id)).toMatchObject({ deletedForMe: true, text: 'not for me' })
    expect((await controlOf(sandbox).shown(bob, id)).deletedForMe).toBeUndefined()
  })

  test('a chat that is marked as read is so on the phone, and nothing was unreadable', async () => {
    const id = await controlOf(sandbox).write(bob, { to: ana, text: 'read me' })
    const message = await arrived(id)
    await client.socket.chatModify({ markRead: true, lastMessages: [message] }, jid(bob))
    expect((await controlOf(sandbox).shown(ana, id)).status).toBe('read')
    const entries = await controlOf(sandbox).get<{ index: string[] }[]>(`/phones/${ana}/app-state`)
    expect(entries.map(({ index }) => index[0])).toEqual(
      expect.arrayContaining(['star', 'deleteMessageForMe', 'markChatAsRead']),
    )
    expect((await controlOf(sandbox).stats())['appStateUnreadable']).toBe(0)
  })
})

describe('groups of a companion', () => {
  interface View {
    readonly subject: string
    readonly members: { number: string; role: string }[]
  }
  const view = (group: string): Promise<View> => controlOf(sandbox).get<View>(`/groups/${group}`)
  const numbers = async (group: string): Promise<string[]> =>
    (await view(group)).members.map(({ number }) => number)

  test('are made, and everybody reads what is written in them', async () => {
    const made = await client.socket.groupCreate('Made by a companion', [jid(bob), jid(cid)])
    expect(made).toMatchObject({ subject: 'Made by a companion', addressingMode: 'lid' })
    expect(made.participants).toHaveLength(3)
    expect(await numbers(made.id)).toEqual([ana, bob, cid])
    const sent = await client.socket.sendMessage(made.id, { text: 'welcome' })
    for (const number of [bob, cid]) {
      expect((await controlOf(sandbox).shown(number, sent?.key.id ?? '')).chat).toBe(made.id)
    }
  })

  test('change, person by person, with an error for who is not there', async () => {
    const { id } = await client.socket.groupCreate('Changing', [jid(bob)])
    const heard: string[] = []
    client.socket.ev.on('group-participants.update', (update) => {
      if (update.id === id) heard.push(update.action)
    })
    const added = await client.socket.groupParticipantsUpdate(
      id,
      [jid(cid), jid(bob), '19990@s.whatsapp.net'],
      'add',
    )
    expect(added.map(({ status }) => status)).toEqual(['200', '409', '404'])
    await client.socket.groupParticipantsUpdate(id, [jid(cid)], 'promote')
    expect((await view(id)).members.map(({ role }) => role)).toEqual(['owner', 'member', 'admin'])
    await client.socket.groupParticipantsUpdate(id, [jid(cid)], 'demote')
    await client.socket.groupParticipantsUpdate(id, [jid(bob)], 'remove')
    expect(await numbers(id)).toEqual([ana, cid])
    expect((await client.socket.groupMetadata(id)).participants).toHaveLength(2)
    await until('the changes', () => heard.length === 4)
    expect(heard).toEqual(['add', 'promote', 'demote', 'remove'])
    await client.socket.groupUpdateSubject(id, 'Changed')
    expect((await view(id)).subject).toBe('Changed')
  })

  test('are left, and are of no concern then', async () => {
    const { id } = await client.socket.groupCreate('Left', [jid(bob)])
    await client.socket.groupLeave(id)
    expect(await numbers(id)).toEqual([bob])
    await expect(client.socket.groupMetadata(id)).rejects.toMatchObject({ data: 403 })
    await expect(client.socket.groupParticipantsUpdate(id, [jid(cid)], 'add')).rejects.toMatchObject({
      data: 403,
    })
  })

  test('are changed by admins alone', async () => {
    const body = { subject: "Bob's", owner: bob, members: [ana] }
    const group = String((await controlOf(sandbox).post('/groups', body)).body['jid'])
    for (const change of [
      () => client.socket.groupParticipantsUpdate(group, [jid(cid)], 'add'),
      () => client.socket.groupUpdateSubject(group, 'Mine'),
    ]) {
      await expect(change()).rejects.toMatchObject({ data: 403 })
    }
    await controlOf(sandbox).post(`/groups/${group}/members`, { promote: [ana] })
    await client.socket.groupParticipantsUpdate(group, [jid(cid)], 'add')
    expect(await numbers(group)).toEqual([bob, ana, cid])
  })
})

describe('what a companion has read', () => {
  test.each(['read', 'read-self', 'played'] as const)('in a group is so on its phone: %s', async (type) => {
    const body = { subject: 'Reading', owner: bob, members: [ana, cid] }
    const group = String((await controlOf(sandbox).post('/groups', body)).body['jid'])
    const id = await controlOf(sandbox).write(bob, { to: group, type: 'voice', media: { bytes: 10 } })
    const { key } = await arrived(id)
    await client.socket.sendReceipt(group, key.participant ?? undefined, [id], type)
    const status = type === 'played' ? 'played' : 'read'
    await until('the phone to know', async () => (await controlOf(sandbox).shown(ana, id)).status === status)
    await controlOf(sandbox).post(`/phones/${cid}/read`, { chat: group })
    // The author hears of it, but for what its reader keeps to himself.
    const readers = await until('receipts', async () => {
      const { receipts } = await controlOf(sandbox).shown(bob, id)
      const read = receipts.filter((receipt) => receipt.type === 'read' || receipt.type === 'played')
      return read.length >= (type === 'read-self' ? 1 : 2) ? read : undefined
    })
    expect(readers).toHaveLength(type === 'read-self' ? 1 : 2)
  })

  test('in a chat with a person is so on its phone: played', async () => {
    const id = await controlOf(sandbox).write(bob, { to: ana, type: 'voice', media: { bytes: 10 } })
    const { key } = await arrived(id)
    await client.socket.sendReceipt(key.remoteJid ?? '', undefined, [id], 'played')
    for (const number of [ana, bob]) {
      await until(
        'it to be played',
        async () => (await controlOf(sandbox).shown(number, id)).status === 'played',
      )
    }
  })
})

describe('typing', () => {
  test.each(['composing', 'recording', 'paused'] as const)(
    '%s of a companion is seen on the phone',
    async (state) => {
      await client.socket.sendPresenceUpdate(state, jid(bob))
      await until('it to be seen', async () => {
        const seen = await controlOf(sandbox).get<{ state: string; from: string }[]>(`/phones/${bob}/typing`)
        return seen.at(-1)?.state === state && seen.at(-1)?.from === jid(ana)
      })
    },
  )

  test('in a group is seen by its members', async () => {
    const { id } = await client.socket.groupCreate('Typing', [jid(dan)])
    await client.socket.sendPresenceUpdate('composing', id)
    await until('it to be seen', async () => {
      const seen = await controlOf(sandbox).get<{ chat: string; from: string }[]>(`/phones/${dan}/typing`)
      return seen.some(({ chat, from }) => chat === id && from === jid(ana))
    })
  })

  test('of a phone reaches a companion', async () => {
    const seen: string[] = []
    client.socket.ev.on('presence.update', ({ presences }) => {
      seen.push(...Object.values(presences).map(({ lastKnownPresence }) => lastKnownPresence))
    })
    for (const state of ['composing', 'recording', 'paused']) {
      await controlOf(sandbox).post(`/phones/${bob}/typing`, { to: ana, state })
    }
    await until('all', () => seen.length === 3)
    expect(seen).toEqual(['composing', 'recording', 'available'])
  })
})

describe('an account that is restricted', () => {
  test('writes to whom it knows and to nobody new, and its companions hear until when', async () => {
    await arrived(await controlOf(sandbox).write(bob, { to: ana, text: 'we know each other' }))
    await controlOf(sandbox).post('/faults', { kind: 'restrict', device: ana, seconds: 3600 })
    const lock = await until(
      'the news',
      () => client.updates.findLast((update) => update.reachoutTimeLock)?.reachoutTimeLock,
    )
    expect(lock).toMatchObject({ isActive: true })
    expect(lock.timeEnforcementEnds?.getTime()).toBeGreaterThan(Date.now() + 3_000_000)
    const cold = await client.socket.sendMessage(jid(dan), { text: 'hello stranger' })
    const refusal = await until('the refusal', () => client.acks.find((ack) => ack['id'] === cold?.key.id))
    expect(refusal['error']).toBe('463')
    const warm = await client.socket.sendMessage(jid(bob), { text: 'hello Bob' })
    expect((await controlOf(sandbox).shown(bob, warm?.key.id ?? '')).text).toBe('hello Bob')
    expect(await client.socket.fetchAccountReachoutTimelock()).toMatchObject({ isActive: true })

    await controlOf(sandbox).post('/faults', { kind: 'restrict', device: ana, seconds: 0 })
    await until(
      'the end',
      () =>
        client.updates.findLast((update) => update.reachoutTimeLock)?.reachoutTimeLock?.isActive === false,
    )
    const late = await client.socket.sendMessage(jid(dan), { text: 'hello again' })
    expect((await controlOf(sandbox).shown(dan, late?.key.id ?? '')).text).toBe('hello again')
  })

  test('is refused for one recipient where a fault says so', async () => {
    await controlOf(sandbox).post('/faults', { kind: 'nack', device: ana, to: cid, code: 463 })
    const fine = await client.socket.sendMessage(jid(bob), { text: 'to Bob' })
    await controlOf(sandbox).shown(bob, fine?.key.id ?? '')
    const refused = await client.socket.sendMessage(jid(cid), { text: 'to Cid' })
    const refusal = await until('the refusal', () => client.acks.find((ack) => ack['id'] === refused?.key.id))
    expect(refusal['error']).toBe('463')
  })
})

test('a second companion hears what the first one wrote into the app state', async () => {
  const other = await linked(sandbox, ana)
  try {
    const updates: object[] = []
    other.socket.ev.on('messages.update', (all) => updates.push(...all.map(({ update }) => update)))
    await until('its key', () => other.creds.myAppStateKeyId)
    await other.socket.resyncAppState(['regular_low'], false)
    const id = await controlOf(sandbox).write(bob, { to: ana, text: 'star me too' })
    await arrived(id)
    await client.socket.star(jid(bob), [{ id, fromMe: false }], true)
    await until('the star', () => updates.some((update) => 'starred' in update))
    expect((await controlOf(sandbox).stats())['appStateUnreadable']).toBe(0)
  } finally {
    await other.close()
  }
})
