import { createHash } from 'node:crypto'
import { type AnyMessageContent, decryptPollVote, proto, type WAMessage } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, controlOf, linked, type Shown, until } from './client.ts'

const [ana, bob, cid] = ['15560001', '15560002', '15560003']

let sandbox: Sandbox
let client: Client
let group: string
const lids: Record<string, string> = {}
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob, cid]) {
    await controlOf(sandbox).phone(number, `Name of ${number}`)
    lids[number] = (await controlOf(sandbox).get<{ lid: string }>(`/phones/${number}`)).lid
  }
  client = await linked(sandbox, ana)
  const made = await controlOf(sandbox).post('/groups', { subject: 'Team', owner: ana, members: [bob, cid] })
  group = String(made.body['jid'])
})
afterAll(async () => {
  await client.close()
  await sandbox.close()
})

const jid = (number: string): string => `${number}@s.whatsapp.net`

const send = async (to: string, content: AnyMessageContent, quoted?: WAMessage): Promise<WAMessage> => {
  const sent = await client.socket.sendMessage(to, content, quoted === undefined ? {} : { quoted })
  if (sent === undefined) throw new Error('nothing was sent')
  return sent
}

const shownBy = async (numbers: readonly string[], { key }: WAMessage): Promise<Shown[]> => {
  const all = await Promise.all(numbers.map((number) => controlOf(sandbox).shown(number, key.id ?? '')))
  for (const message of all) expect(message.problems).toBeUndefined()
  return all
}

const arrived = async (id: string): Promise<WAMessage> =>
  (await until(id, () => client.received.find(({ message }) => message.key.id === id && message.message)))
    .message

const vcard = 'BEGIN:VCARD\nVERSION:3.0\nFN:Ada\nTEL;type=CELL;waid=442079460000:+44 20 7946 0000\nEND:VCARD'

describe.each(['a person', 'a group'])("what Baileys' client writes to %s", (chat) => {
  const to = (): string => (chat === 'a group' ? group : jid(bob))
  const readers = chat === 'a group' ? [ana, bob, cid] : [ana, bob]

  test.each<[string, AnyMessageContent, object]>([
    [
      'location',
      { location: { degreesLatitude: 1, degreesLongitude: 2, name: 'Here' } },
      { latitude: 1, longitude: 2, name: 'Here' },
    ],
    [
      'contacts',
      { contacts: { contacts: [{ displayName: 'Ada', vcard }] } },
      { contacts: [{ name: 'Ada', phones: ['+44 20 7946 0000'] }] },
    ],
    [
      'poll',
      { poll: { name: 'Lunch?', values: ['Pizza', 'Salad'], selectableCount: 1 } },
      { question: 'Lunch?', options: ['Pizza', 'Salad'], selectable: 1 },
    ],
    [
      'event',
      { event: { name: 'Dinner', startDate: new Date('2026-12-24T18:00:00Z') } },
      { name: 'Dinner', startsAt: '2026-12-24T18:00:00.000Z' },
    ],
  ])('a message of type %s is shown as it is', async (type, content, expected) => {
    const sent = await send(to(), content)
    for (const { body } of await shownBy(readers, sent)) expect(body).toMatchObject({ type, ...expected })
  })

  test('reply, mentions and the timer are shown', async () => {
    const first = await send(to(), { text: 'first' })
    const content = { text: 'second', mentions: [lids[bob] ?? ''] }
    const sent = await client.socket.sendMessage(to(), content, {
      quoted: first,
      ephemeralExpiration: 86_400,
    })
    for (const { body } of await shownBy(readers, sent as WAMessage)) {
      expect(body).toEqual({
        type: 'text',
        text: 'second',
        replyTo: first.key.id,
        mentions: [lids[bob]],
        expiresIn: 86_400,
      })
    }
  })

  test('an edit, a reaction, a pin and a deletion change the message on every phone', async () => {
    const { key } = await send(to(), { text: 'before' })
    const acts: [AnyMessageContent, object][] = [
      [
        { text: 'after', edit: key },
        { edited: true, text: 'after' },
      ],
      [{ react: { text: '👍', key } }, { reactions: [{ from: jid(ana), emoji: '👍' }] }],
      [
        { pin: key, type: proto.PinInChat.Type.PIN_FOR_ALL, time: 86_400 },
        { pinnedUntil: expect.any(Number) },
      ],
      [{ delete: key }, { deletedBy: jid(ana), body: null }],
    ]
    for (const [content, expected] of acts) {
      await shownBy(readers, await send(to(), content))
      for (const number of readers) {
        expect(await controlOf(sandbox).shown(number, key.id ?? '')).toMatchObject(expected)
      }
    }
  })

  test("a phone's vote in the client's poll is read by the client", async () => {
    const poll = await send(to(), { poll: { name: 'Lunch?', values: ['Pizza', 'Salad'] } })
    await shownBy(readers, poll)
    const way = chat === 'a group' ? group : ana
    const messageId = poll.key.id ?? ''
    const id = await controlOf(sandbox).write(bob, { to: way, type: 'vote', messageId, options: ['Salad'] })
    const vote = (await arrived(id)).message?.pollUpdateMessage?.vote as proto.Message.IPollEncValue
    const { selectedOptions } = decryptPollVote(vote, {
      pollCreatorJid: lids[ana] ?? '',
      pollMsgId: messageId,
      pollEncKey: poll.message?.messageContextInfo?.messageSecret ?? new Uint8Array(),
      voterJid: lids[bob] ?? '',
    })
    expect(selectedOptions).toEqual([createHash('sha256').update('Salad').digest()])
    expect((await controlOf(sandbox).shown(ana, messageId)).votes).toEqual([
      { from: jid(bob), options: ['Salad'] },
    ])
  })
})

test('a stanza that says something else than its content is named', async () => {
  const before = (await controlOf(sandbox).stats())['misdescribedMessages'] ?? 0
  const poll = { pollCreationMessageV3: { name: 'Lunch?', options: [{ optionName: 'Pizza' }] } }
  const additionalAttributes = { edit: '7' }
  const id = await client.socket.relayMessage(jid(bob), poll, { additionalAttributes })
  expect((await controlOf(sandbox).shown(bob, id)).problems).toEqual([
    'edit is 7, should be absent',
    'meta polltype is absent, should be creation',
  ])
  await controlOf(sandbox).shown(ana, id)
  expect((await controlOf(sandbox).stats())['misdescribedMessages']).toBe(before + 2)
})

describe('what the client cannot read', () => {
  test.each(['a person', 'a group'])('in a chat with %s comes again when it asks', async (chat) => {
    const to = chat === 'a group' ? group : ana
    await arrived(await controlOf(sandbox).write(bob, { to, text: 'readable' }))
    const before = await controlOf(sandbox).stats()
    await controlOf(sandbox).post('/faults', { kind: 'garble', device: ana })
    const id = await controlOf(sandbox).write(bob, { to, type: 'location', latitude: 1, longitude: 2 })
    expect((await arrived(id)).message?.locationMessage).toMatchObject({ degreesLatitude: 1 })
    const after = await controlOf(sandbox).stats()
    expect((after['resentByPhones'] ?? 0) - (before['resentByPhones'] ?? 0)).toBe(1)
  })

  test('has no content where WhatsApp gives companions none', async () => {
    await controlOf(sandbox).post('/faults', { kind: 'unavailable', device: ana })
    const id = await controlOf(sandbox).write(bob, { to: ana, type: 'text', text: 'once', viewOnce: true })
    const { message } = await until('its stub', () =>
      client.received.find((each) => each.message.key.id === id),
    )
    expect(message.message).toBeFalsy()
    expect(message.key).toMatchObject({ isViewOnce: true })
    expect((await controlOf(sandbox).shown(ana, id)).body).toMatchObject({ text: 'once', viewOnce: true })
  })

  test('never comes when the phone does not send it again', async () => {
    const before = await controlOf(sandbox).stats()
    await controlOf(sandbox).post('/faults', { kind: 'garble', device: ana, resend: false })
    const id = await controlOf(sandbox).write(bob, { to: ana, text: 'lost' })
    await until('the client to ask', async () => {
      const { retryReceiptsFromCompanions = 0 } = await controlOf(sandbox).stats()
      return retryReceiptsFromCompanions > (before['retryReceiptsFromCompanions'] ?? 0)
    })
    await arrived(await controlOf(sandbox).write(bob, { to: ana, text: 'later' }))
    const after = await controlOf(sandbox).stats()
    expect(after['resentByPhones']).toBe(before['resentByPhones'])
    expect(client.received.some(({ message }) => message.key.id === id && message.message)).toBe(false)
  })
})
