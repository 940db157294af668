import { beforeEach, describe, expect, test } from 'vitest'
import { sendMessage, type SendMessageInput } from '../../src/control/send-message.ts'
import { startDevice } from '../../src/control/start-device.ts'
import { newWhatsappId } from '../../src/control/whatsapp-id.ts'
import { account, apiOrigin, createWorld, encodeText, patient, type World } from './world.ts'

const hello: SendMessageInput = {
  deviceId: 'myphone',
  to: '1234567890@s.whatsapp.net',
  text: 'Hello from WhatsApp API!',
  respondAsync: true,
}

let world: World
beforeEach(async () => {
  world = await createWorld(patient)
  await startDevice(world.ctx, { id: 'myphone' })
  await world.connector.link('myphone')
})

describe('sendMessage', () => {
  test("chooses WhatsApp's id before the message is stored, and it is the message's id", async () => {
    const { message } = await sendMessage(world.ctx, hello)
    expect(message.id).toMatch(/^3EB0[0-9A-F]{18}$/)
    expect(message.whatsappId).toBe(message.id)
    const content = await world.store.messages.content('myphone', message.id)
    expect(Uint8Array.from(content ?? [])).toEqual(encodeText(hello.text))
  })

  test('stores the message with its account, its request and an audit entry', async () => {
    const { message } = await sendMessage(world.ctx, hello)
    expect(await world.store.messages.get(message.id)).toMatchObject({
      status: 'queued',
      direction: 'outbound',
      chat: { pn: '1234567890@s.whatsapp.net' },
      sender: { pn: account.pn, lid: account.lid },
      text: hello.text,
    })
    const audit = (await world.store.audit.after(0, 100)).find(({ action }) => action === 'message.enqueue')
    expect(audit).toMatchObject({ origin: apiOrigin, target: { kind: 'message', id: message.id } })
  })

  test("is told of the server's ack by the row, not by the time", async () => {
    world.connector.keepSettling('myphone', { state: 'sent', at: world.clock.now() })
    const outcome = await sendMessage(world.ctx, { ...hello, respondAsync: false })
    expect(outcome).toMatchObject({
      kind: 'sent',
      to: '1234567890@s.whatsapp.net',
      message: { status: 'sent' },
    })
  })

  test('is told of a refusal with its code', async () => {
    world.connector.keepSettling('myphone', { state: 'failed', error: { code: 'nack_463', detail: 'no' } })
    const outcome = await sendMessage(world.ctx, { ...hello, respondAsync: false })
    expect(outcome).toMatchObject({ kind: 'failed', message: { error: { code: 'nack_463' } } })
  })

  test('knows the other address of a chat that was learned', async () => {
    const lid = '135792468013579@lid'
    await world.store.addresses.learn(
      await world.connector.ofDevice('myphone'),
      'myphone',
      [{ pn: hello.to, lid }],
      world.clock.now(),
    )
    const byPhone = await sendMessage(world.ctx, hello)
    expect(byPhone.message.chat).toEqual({ pn: hello.to, lid })
    const byLid = await sendMessage(world.ctx, { ...hello, to: lid })
    expect(byLid).toMatchObject({ to: lid, message: { chat: { pn: hello.to, lid } } })
  })

  test('many at once all get their own answer', async () => {
    world.connector.keepSettling('myphone', { state: 'sent', at: world.clock.now() })
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        sendMessage(world.ctx, { ...hello, to: `49151000${1000 + n}`, respondAsync: false }),
      ),
    )
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['sent']))
    expect(new Set(outcomes.map(({ message }) => message.id)).size).toBe(300)
  })

  test('a repeat with its key waits for the message of then', async () => {
    const keyed = { ...hello, idempotencyKey: 'order-1' }
    const first = await sendMessage(world.ctx, keyed)
    const repeat = sendMessage(world.ctx, { ...keyed, respondAsync: false })
    await world.connector.ack('myphone')
    expect(await repeat).toMatchObject({ kind: 'sent', message: { id: first.message.id } })
  })

  test('a repeat is answered even when the device is gone by now', async () => {
    const keyed = { ...hello, idempotencyKey: 'order-1' }
    const first = await sendMessage(world.ctx, keyed)
    await world.connector.ack('myphone')
    await world.connector.see('myphone', { account: null, status: 'disconnected', reason: 'logged_out' })
    expect(await sendMessage(world.ctx, keyed)).toMatchObject({
      kind: 'sent',
      message: { id: first.message.id },
    })
  })

  test('the same request written in another way is the same request', async () => {
    const first = await sendMessage(world.ctx, { ...hello, idempotencyKey: 'k' })
    const again = await sendMessage(world.ctx, { ...hello, to: '+1 (234) 567-890', idempotencyKey: 'k' })
    expect(again.message.id).toBe(first.message.id)
  })

  test('two equal requests without a key are two messages', async () => {
    const [a, b] = await Promise.all([sendMessage(world.ctx, hello), sendMessage(world.ctx, hello)])
    expect(a.message.id).not.toBe(b.message.id)
  })

  test.each([
    ['invalid_recipient', { to: 'status@broadcast' }],
    ['invalid_recipient', { to: '123' }],
    ['invalid_recipient', { to: '' }],
    ['invalid_text', { text: '' }],
    ['invalid_text', { text: ' \n\t' }],
    ['invalid_text', { text: 'x'.repeat(65_537) }],
    ['invalid_text', { text: 'a\0b' }],
    ['invalid_text', { text: 'half \ud83d' }],
    ['invalid_device_id', { deviceId: 'a/b' }],
    ['device_not_found', { deviceId: 'nobody' }],
    ['invalid_idempotency_key', { idempotencyKey: 'two words' }],
  ])('refuses as %s: %o', async (code, wrong) => {
    await expect(sendMessage(world.ctx, { ...hello, ...wrong })).rejects.toMatchObject({ code })
    expect((await world.store.messages.list({ deviceId: 'myphone' }, { limit: 9 })).items).toEqual([])
  })

  test('takes the longest text that WhatsApp takes', async () => {
    const { message } = await sendMessage(world.ctx, { ...hello, text: 'ü'.repeat(65_536) })
    expect(message.text).toHaveLength(65_536)
  })

  test.each([
    ['never linked', async () => void (await startDevice(world.ctx, { id: 'fresh' })), 'fresh'],
    [
      'logged out',
      async () =>
        void (await world.connector.see('myphone', { status: 'disconnected', reason: 'logged_out' })),
      'myphone',
    ],
  ])('refuses a device that is %s', async (_, arrange, deviceId) => {
    await arrange()
    await expect(sendMessage(world.ctx, { ...hello, deviceId })).rejects.toMatchObject({
      code: 'device_not_linked',
    })
  })

  test.each(['reconnecting', 'starting', 'connecting'] as const)('accepts while %s', async (status) => {
    await world.connector.see('myphone', { status, reason: 'connection_lost' })
    expect((await sendMessage(world.ctx, hello)).kind).toBe('queued')
  })
})

test('WhatsApp ids have the prefix of WhatsApp Web, 22 characters, and do not come twice', () => {
  const ids = Array.from({ length: 10_000 }, newWhatsappId)
  expect(ids.every((id) => /^3EB0[0-9A-F]{18}$/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
})
