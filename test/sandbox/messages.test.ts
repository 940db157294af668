import type { WAMessage } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { type Client, controlOf, linked, login, type Shown, until } from './client.ts'

let sandbox: Sandbox
let ana: Client
const anaNumber = '15551001'
const bobNumber = '15551002'

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await controlOf(sandbox).phone(anaNumber, 'Ana')
  await controlOf(sandbox).phone(bobNumber, 'Bob')
  ana = await linked(sandbox, anaNumber)
})
afterAll(async () => {
  await ana.close()
  await sandbox.close()
})

const jid = (number: string): string => `${number}@s.whatsapp.net`

const arrived = async (client: Client, id: string): Promise<{ type: string; message: WAMessage }> =>
  until(`message ${id}`, () => client.received.find(({ message }) => message.key.id === id))

const shown = (number: string, id: string): Promise<Shown> =>
  until(`${number} to show ${id}`, async () =>
    (await controlOf(sandbox).messages(number)).find((message) => message.id === id),
  )

const send = async (client: Client, to: string, text: string, messageId?: string): Promise<string> => {
  const sent = await client.socket.sendMessage(to, { text }, messageId === undefined ? {} : { messageId })
  return sent?.key.id ?? ''
}

const status = (client: Client, id: string, atLeast: number) =>
  until(`status ${atLeast} of ${id}`, () =>
    client.statuses.some((each) => each.id === id && each.status >= atLeast),
  )

describe('from a companion', () => {
  test.each(['pn', 'lid'])('a text by %s is acked, decrypted, delivered and read', async (addressing) => {
    const control = controlOf(sandbox)
    const bob = await control.get<{ jid: string; lid: string }>(`/phones/${bobNumber}`)
    const id = await send(ana, addressing === 'pn' ? bob.jid : bob.lid, `by ${addressing}`)
    const ack = await until('the ack', () => ana.acks.find((each) => each['id'] === id))
    expect(ack).toMatchObject({ class: 'message' })
    expect(Number(ack['t'])).toBeGreaterThan(1_700_000_000)
    expect(ack['error']).toBeUndefined()
    expect(await shown(bobNumber, id)).toMatchObject({
      text: `by ${addressing}`,
      from: jid(anaNumber),
      to: jid(bobNumber),
      chat: jid(anaNumber),
      type: 'text',
      status: 'received',
    })
    await status(ana, id, 3)
    expect(await control.post(`/phones/${bobNumber}/read`, { chat: anaNumber })).toMatchObject({
      status: 200,
    })
    await status(ana, id, 4)
    await until('the own phone to know', async () => (await shown(anaNumber, id)).status === 'read')
    expect((await shown(bobNumber, id)).status).toBe('read')
  })

  test("the owner's own phone gets a copy in the right chat", async () => {
    const id = await send(ana, jid(bobNumber), 'for both')
    expect(await shown(anaNumber, id)).toMatchObject({
      text: 'for both',
      from: jid(anaNumber),
      to: jid(bobNumber),
      chat: jid(bobNumber),
    })
  })

  test('a number that is not on the network is absent from a lookup', async () => {
    const found = await ana.socket.onWhatsApp(bobNumber, '19998887777')
    expect(found).toEqual([{ jid: jid(bobNumber), exists: true }])
  })

  test('a text is acked with an error when nobody has that number', async () => {
    const stanza = { tag: 'message', attrs: { to: '19998887777@s.whatsapp.net', id: 'NOBODY', type: 'text' } }
    await ana.socket.sendNode({ ...stanza, content: [] })
    const ack = await until('the ack', () => ana.acks.find((each) => each['id'] === 'NOBODY'))
    expect(ack['error']).toBe('404')
  })

  test('the same id is shown once and counted', async () => {
    const before = await controlOf(sandbox).stats()
    const id = await send(ana, jid(bobNumber), 'once')
    await shown(bobNumber, id)
    await send(ana, jid(bobNumber), 'once', id)
    await until('the duplicates', async () => {
      const { duplicates = 0 } = await controlOf(sandbox).stats()
      return duplicates === (before['duplicates'] ?? 0) + 2
    })
    const messages = await controlOf(sandbox).messages(bobNumber)
    expect(messages.filter((message) => message.id === id)).toHaveLength(1)
    const after = await controlOf(sandbox).stats()
    expect(after['repeatsFromCompanions']).toBe((before['repeatsFromCompanions'] ?? 0) + 1)
  })

  test('a phone that is off gets it once it is on again, and does nothing meanwhile', async () => {
    const control = controlOf(sandbox)
    await control.post(`/phones/${bobNumber}/power`, { on: false })
    const id = await send(ana, jid(bobNumber), 'while off')
    await until('the ack', () => ana.acks.find((each) => each['id'] === id))
    expect((await control.messages(bobNumber)).some((message) => message.id === id)).toBe(false)
    for (const [route, body] of [
      ['messages', { to: anaNumber, text: 'x' }],
      ['read', { chat: anaNumber }],
      ['scan', { qr: 'x' }],
      ['enter-code', { code: 'x' }],
    ] as const) {
      expect(await control.post(`/phones/${bobNumber}/${route}`, body)).toMatchObject({ status: 409 })
    }
    expect(await control.post(`/phones/${bobNumber}/power`, { on: true })).toMatchObject({
      status: 200,
      body: { isOn: true },
    })
    expect(await shown(bobNumber, id)).toMatchObject({ text: 'while off' })
  })

  test('many at once are decrypted in order', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `burst ${index}`)
    const ids = await Promise.all(texts.map((text) => send(ana, jid(bobNumber), text)))
    await until('all', async () => {
      const messages = await controlOf(sandbox).messages(bobNumber)
      return ids.every((id) => messages.some((message) => message.id === id))
    })
    const messages = await controlOf(sandbox).messages(bobNumber)
    expect(messages.map(({ text }) => text).filter((text) => text.startsWith('burst'))).toEqual(texts)
    const { undecryptable } = await controlOf(sandbox).stats()
    expect(undecryptable).toBe(0)
  })
})

describe('to a companion', () => {
  test('a text comes by LID with the number beside it', async () => {
    const bob = await controlOf(sandbox).get<{ lid: string }>(`/phones/${bobNumber}`)
    const id = await controlOf(sandbox).send(bobNumber, anaNumber, 'hi')
    const { type, message } = await arrived(ana, id)
    expect(type).toBe('notify')
    expect(message).toMatchObject({ pushName: 'Bob', message: { conversation: 'hi' } })
    expect(message.key).toMatchObject({
      remoteJid: bob.lid,
      remoteJidAlt: jid(bobNumber),
      fromMe: false,
      addressingMode: 'lid',
    })
    await until('delivery', async () => (await shown(bobNumber, id)).status === 'delivered')
    await until('the receipt of the companion itself', async () =>
      (await shown(bobNumber, id)).receipts.some(({ device }) => device === `${anaNumber}:1@s.whatsapp.net`),
    )
  })

  test('a text comes by number with the LID beside it when asked for', async () => {
    const bob = await controlOf(sandbox).get<{ lid: string }>(`/phones/${bobNumber}`)
    const id = await controlOf(sandbox).send(bobNumber, anaNumber, 'hi', { addressing: 'pn' })
    const { message } = await arrived(ana, id)
    expect(message.key).toMatchObject({ remoteJid: jid(bobNumber), remoteJidAlt: bob.lid, fromMe: false })
  })

  test.each(['pn', 'lid'])('what its own phone sent by %s comes as sent by itself', async (addressing) => {
    const bob = await controlOf(sandbox).get<{ jid: string; lid: string }>(`/phones/${bobNumber}`)
    const id = await controlOf(sandbox).send(anaNumber, bobNumber, 'by hand', { addressing })
    const { message } = await arrived(ana, id)
    expect(message.message).toMatchObject({ conversation: 'by hand' })
    expect(message.key).toMatchObject({
      remoteJid: addressing === 'pn' ? bob.jid : bob.lid,
      remoteJidAlt: addressing === 'pn' ? bob.lid : bob.jid,
      fromMe: true,
    })
  })

  test('a read receipt of the companion reaches the sender', async () => {
    const id = await controlOf(sandbox).send(bobNumber, anaNumber, 'read me')
    const { message } = await arrived(ana, id)
    await ana.socket.readMessages([message.key])
    await until('read', async () => (await shown(bobNumber, id)).status === 'read')
  })

  test('phones talk to each other without companions', async () => {
    await controlOf(sandbox).phone('15551003', 'Cid')
    const id = await controlOf(sandbox).send('15551003', bobNumber, 'phone to phone')
    expect(await shown(bobNumber, id)).toMatchObject({ text: 'phone to phone' })
    await until('delivery', async () => (await shown('15551003', id)).status === 'delivered')
    const answer = await controlOf(sandbox).send(bobNumber, '15551003', 'and back')
    expect(await shown('15551003', answer)).toMatchObject({ text: 'and back' })
  })

  test('first messages that cross on the way are all decrypted', async () => {
    const numbers = ['15551011', '15551012', '15551013']
    for (const number of numbers) await controlOf(sandbox).phone(number)
    const pairs = numbers.map(async (number) => {
      const out = Promise.all([send(ana, jid(number), 'out 1'), send(ana, jid(number), 'out 2')])
      const control = controlOf(sandbox)
      const back = Promise.all([
        control.send(number, anaNumber, 'in 1'),
        control.send(number, anaNumber, 'in 2'),
      ])
      for (const id of await out) await shown(number, id)
      for (const id of await back) await arrived(ana, id)
    })
    await Promise.all(pairs)
  })
})

describe('two companions', () => {
  test('of one account get what the other sends, and of another account what is sent to it', async () => {
    const control = controlOf(sandbox)
    await control.phone('15551021')
    const second = await linked(sandbox, '15551021')
    const third = await linked(sandbox, '15551021')
    const id = await send(second, jid(anaNumber), 'to many')
    expect((await arrived(third, id)).message).toMatchObject({ key: { fromMe: true } })
    expect((await arrived(ana, id)).message.key.fromMe).toBe(false)
    await shown('15551021', id)
    await shown(anaNumber, id)
    await second.close()
    await third.close()
  })

  test('a newly linked one gets the recent chats as history and misses no later message', async () => {
    const control = controlOf(sandbox)
    await control.phone('15551022')
    const old = await control.send(bobNumber, '15551022', 'from before')
    const late = await linked(sandbox, '15551022')
    await until('history', () => late.history.has(old))
    const id = await control.send(bobNumber, '15551022', 'from after')
    expect((await arrived(late, id)).type).toBe('notify')
    await late.close()
    await login(late)
    await late.close()
  })
})
