import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, controlOf, linked, type Shown, until } from './client.ts'

const [ana, bob, cid, dan] = ['15557001', '15557002', '15557003', '15557004']

interface GroupView {
  readonly jid: string
  readonly members: readonly { number: string; jid: string; lid: string }[]
}

let sandbox: Sandbox
let client: Client
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob, cid, dan]) await controlOf(sandbox).phone(number, `Name of ${number}`)
  client = await linked(sandbox, ana)
})
afterAll(async () => {
  await client.close()
  await sandbox.close()
})

const createGroup = async (members: readonly string[], extra: object = {}): Promise<GroupView> => {
  const body = { subject: 'Team', owner: ana, members, ...extra }
  const answer = await controlOf(sandbox).post('/groups', body)
  expect(answer.status).toBe(201)
  return answer.body as unknown as GroupView
}

const shown = (number: string, id: string): Promise<Shown> =>
  until(`${number} to show ${id}`, async () =>
    (await controlOf(sandbox).messages(number)).find((message) => message.id === id),
  )

const send = async (jid: string, text: string): Promise<string> => {
  const sent = await client.socket.sendMessage(jid, { text })
  return sent?.key.id ?? ''
}

const arrived = (id: string) =>
  until(`${id} to arrive`, () =>
    client.received.find(({ message }) => message.key.id === id && message.message),
  )

describe('a group', () => {
  test('is listed with its members under both of their names', async () => {
    const group = await createGroup([bob])
    expect(group.jid).toMatch(/^120\d{15}@g\.us$/)
    expect(group.members.map(({ number }) => number)).toEqual([ana, bob])
    const all = await controlOf(sandbox).get<GroupView[]>('/groups')
    expect(all).toContainEqual(group)
    expect(await controlOf(sandbox).get(`/groups/${group.jid}`)).toEqual(group)
  })

  test.each(['lid', 'pn'] as const)('tells a companion who is in it, by %s', async (addressing) => {
    const { jid, members } = await createGroup([bob, cid], { addressing })
    const metadata = await client.socket.groupMetadata(jid)
    expect(metadata).toMatchObject({ id: jid, subject: 'Team', addressingMode: addressing })
    expect(metadata.participants).toEqual(
      members.map((member) =>
        expect.objectContaining(
          addressing === 'lid'
            ? { id: member.lid, phoneNumber: member.jid }
            : { id: member.jid, lid: member.lid },
        ),
      ),
    )
    expect(Object.keys(await client.socket.groupFetchAllParticipating())).toContain(jid)
  })

  test('is not told to a companion that is not in it', async () => {
    const { jid } = await createGroup([bob], { owner: cid })
    await expect(client.socket.groupMetadata(jid)).rejects.toMatchObject({ data: 403 })
    await expect(client.socket.groupMetadata('120999@g.us')).rejects.toMatchObject({ data: 404 })
    expect(Object.keys(await client.socket.groupFetchAllParticipating())).not.toContain(jid)
  })
})

describe('a message in a group', () => {
  test.each(['lid', 'pn'] as const)('of a companion is read by every member, by %s', async (addressing) => {
    const { jid } = await createGroup([bob, cid], { addressing })
    const before = await controlOf(sandbox).stats()
    const ids = [await send(jid, 'first, with the sender key'), await send(jid, 'second, without')]
    for (const id of ids) {
      for (const number of [ana, bob, cid]) {
        const message = await shown(number, id)
        expect(message).toMatchObject({ chat: jid, to: jid, from: `${ana}@s.whatsapp.net`, type: 'text' })
      }
    }
    const after = await controlOf(sandbox).stats()
    expect(after['undecryptable']).toBe(before['undecryptable'])
    expect(after['duplicates']).toBe(before['duplicates'])
    expect(await controlOf(sandbox).messages(dan)).toEqual([])
  })

  test('of a phone is read by phones and companions, who see group, sender and his number', async () => {
    const { jid, members } = await createGroup([bob, cid])
    const ids: string[] = []
    for (const text of ['one', 'two']) ids.push(await controlOf(sandbox).send(bob, jid, text))
    const lid = members.find(({ number }) => number === bob)?.lid
    for (const id of ids) {
      const { message } = await arrived(id)
      expect(message.key).toMatchObject({
        remoteJid: jid,
        participant: lid,
        participantAlt: `${bob}@s.whatsapp.net`,
        fromMe: false,
      })
      expect(await shown(cid, id)).toMatchObject({ chat: jid, from: `${bob}@s.whatsapp.net` })
    }
  })

  test("of a companion's own phone comes to it as its own", async () => {
    const { jid } = await createGroup([bob])
    const id = await controlOf(sandbox).send(ana, jid, 'by hand')
    expect((await arrived(id)).message).toMatchObject({
      key: { remoteJid: jid, fromMe: true },
      message: { conversation: 'by hand' },
    })
  })

  test('is delivered and read when it is so for all members', async () => {
    const { jid } = await createGroup([bob, cid])
    const id = await send(jid, 'read me')
    await until('delivery', async () => (await shown(ana, id)).status === 'delivered')
    for (const number of [bob, cid]) await shown(number, id)
    expect((await controlOf(sandbox).post(`/phones/${bob}/read`, { chat: jid })).body['read']).toBe(1)
    await until('a read receipt', async () =>
      (await shown(ana, id)).receipts.some(({ type }) => type === 'read'),
    )
    expect((await shown(ana, id)).status).toBe('delivered')
    await controlOf(sandbox).post(`/phones/${cid}/read`, { chat: jid })
    await until('all to have read', async () => (await shown(ana, id)).status === 'read')
  })

  test('whose sender key never came is asked for again, and shown once', async () => {
    const { jid } = await createGroup([bob, cid])
    const { socket, keys } = client
    const metadata = await socket.groupMetadata(jid)
    const devices = await socket.getUSyncDevices(
      metadata.participants.map(({ id }) => id),
      false,
      false,
    )
    // The client believes that everybody has its key.
    keys.rows.set(`sender-key-memory ${jid}`, Object.fromEntries(devices.map((each) => [each.jid, true])))
    const before = await controlOf(sandbox).stats()
    const id = await send(jid, 'unreadable at first')
    for (const number of [bob, cid]) await shown(number, id)
    const after = await controlOf(sandbox).stats()
    expect((after['undecryptable'] ?? 0) - (before['undecryptable'] ?? 0)).toBeGreaterThan(0)
    for (const number of [bob, cid]) {
      const same = (await controlOf(sandbox).messages(number)).filter((message) => message.id === id)
      expect(same).toHaveLength(1)
    }
  })

  test('that a companion cannot read is sent to it again by the phone', async () => {
    const { jid } = await createGroup([bob])
    await arrived(await controlOf(sandbox).send(bob, jid, 'with the key'))
    for (const name of client.keys.rows.keys()) {
      if (name.startsWith(`sender-key ${jid}`)) client.keys.rows.delete(name)
    }
    const before = await controlOf(sandbox).stats()
    const id = await controlOf(sandbox).send(bob, jid, 'the key is lost')
    expect((await arrived(id)).message.message).toMatchObject({ conversation: 'the key is lost' })
    const after = await controlOf(sandbox).stats()
    expect((after['resentByPhones'] ?? 0) - (before['resentByPhones'] ?? 0)).toBe(1)
  })
})

describe('who comes and goes', () => {
  test('a new member reads from then on, a former one no more, and both sides hear of it', async () => {
    const { jid, members } = await createGroup([bob])
    const changes: string[] = []
    client.socket.ev.on('group-participants.update', ({ id, action, participants }) => {
      if (id === jid) changes.push(`${action} ${participants.map(({ phoneNumber }) => phoneNumber).join()}`)
    })
    const early = await send(jid, 'for two')
    await shown(bob, early)
    const path = `/groups/${jid}/members`
    const changed = await controlOf(sandbox).post(path, { add: [cid], remove: [bob] })
    expect(changed.body['members']).toHaveLength(members.length)
    await until('the changes', () => changes.length === 2)
    expect(changes).toEqual([`add ${cid}@s.whatsapp.net`, `remove ${bob}@s.whatsapp.net`])
    const late = await send(jid, 'for the others')
    await shown(cid, late)
    const [toBob, toCid] = await Promise.all([bob, cid].map((number) => controlOf(sandbox).messages(number)))
    expect(toBob?.some(({ id }) => id === late)).toBe(false)
    expect(toCid?.some(({ id }) => id === early)).toBe(false)
  })

  test('a phone makes its key anew when somebody has left', async () => {
    const { jid } = await createGroup([bob, cid])
    await arrived(await controlOf(sandbox).send(bob, jid, 'before'))
    await controlOf(sandbox).post(`/groups/${jid}/members`, { remove: [cid], by: cid })
    const keys = (): number =>
      client.nodes.filter(({ tag, attrs }) => tag === 'message' && attrs['from'] === jid).length
    const seen = keys()
    const { message } = await arrived(await controlOf(sandbox).send(bob, jid, 'after'))
    expect(message.message?.senderKeyDistributionMessage?.groupId).toBe(jid)
    expect(keys()).toBe(seen + 1)
  })

  test('a phone that is no member cannot write', async () => {
    const { jid } = await createGroup([bob])
    const answer = await controlOf(sandbox).post(`/phones/${dan}/messages`, { to: jid, text: 'let me in' })
    expect(answer).toMatchObject({ status: 422, body: { error: 'the server refused it: 403' } })
  })
})
