import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type Answer, type PhoneMessage, World } from './world.ts'

let world: World
let gateway: Command
const number = '15550801'
const ana = '15550891'
const ben = '15550892'
const cleo = '15550893'

beforeAll(async () => {
  world = await World.open()
  gateway = await world.startGateway()
  for (const friend of [ana, ben, cleo]) await world.createPhone(friend, `Name of ${friend}`)
  await world.link('dev', number)
  await world.link('twin', number)
}, 90_000)
afterAll(() => closePromised(world))

const jidOf = (phone: string): string => `${phone}@s.whatsapp.net`
const members = (answer: Answer): Record<string, unknown>[] =>
  (answer.body['result'] as unknown as { group: { members: Record<string, unknown>[] } }).group.members

const onPhone = async (phone: string, id: string): Promise<PhoneMessage | undefined> =>
  (await world.phoneMessages(phone)).find((message) => message.id === id)

/** A text of a friend to the device: its WhatsApp id, and its ids on both gateways. */
const hear = async (from: string, to: string, text: string) => {
  const { status, body } = await world.phone('POST', `/phones/${from}/messages`, { to, text })
  expect(status).toBe(201)
  const idOn = (device: string) =>
    eventually(
      `${device} has ${text}`,
      async () => (await world.messages(device)).find((message) => message.text === text)?.id,
    )
  return { whatsappId: String(body['id']), id: await idOn('dev'), twin: await idOn('twin') }
}
const message = async (id: string): Promise<Answer['body']> =>
  (await world.api('GET', `/api/messages/${id}`)).body

test('a star reaches the phone and the other devices of the account, and goes again', async () => {
  const { id, twin, whatsappId } = await hear(ana, number, 'worth a star')
  const starred = await world.api('POST', `/api/messages/${id}/star`)
  expect(starred).toMatchObject({ status: 200, body: { kind: 'star', state: 'done', attempts: 1 } })
  expect(await message(id)).toMatchObject({ starred: true })
  expect(await onPhone(number, whatsappId)).toMatchObject({ starred: true })
  await eventually('the twin has the star', async () => (await message(twin))['starred'])

  expect((await world.api('DELETE', `/api/messages/${twin}/star`)).status).toBe(200)
  await eventually('the star is gone', async () => !(await message(id))['starred'])
  expect(await onPhone(number, whatsappId)).toMatchObject({ starred: false })
})

test('a message that is deleted for me leaves the phone, and others keep it', async () => {
  const { id, twin, whatsappId } = await hear(ana, number, 'not for long')
  const deleted = await world.api('DELETE', `/api/messages/${id}?for=me`)
  expect(deleted).toMatchObject({ status: 200, body: { kind: 'delete_for_me', state: 'done' } })
  expect((await message(id))['deletedForMeAt']).toEqual(expect.any(String))
  await eventually('the twin knows it', async () => (await message(twin))['deletedForMeAt'])
  expect(await onPhone(ana, whatsappId)).toMatchObject({ text: 'not for long' })
  const again = await world.api('POST', `/api/messages/${id}/star`)
  expect(again.status).toBe(422)
})

test('a message that is deleted for everyone is sent as a deletion', async () => {
  const sent = await world.api('POST', '/api/devices/dev/send', { to: ana, message: 'a slip' })
  const id = String(sent.body['id'])
  const deleted = await world.api('DELETE', `/api/messages/${id}?for=everyone`)
  expect(deleted).toMatchObject({ status: 200, body: { type: 'delete', status: 'sent' } })
})

test('a chat that is read shows its ticks to the senders, in a group too', async () => {
  const texts = ['one', 'two', 'three']
  const heard = []
  for (const text of texts) heard.push(await hear(ana, number, `read ${text}`))
  const group = await world.createGroup(number, [ana, ben])
  await eventually(
    'the device has the group',
    async () => (await world.api('GET', '/api/devices/dev/groups')).body['groups'],
  )
  const grouped = [await hear(ana, group, 'read by ana'), await hear(ben, group, 'read by ben')]

  const chat = await world.api('POST', `/api/devices/dev/chats/${ana}/read`)
  expect(chat).toMatchObject({ status: 200, body: { kind: 'mark_read', state: 'done' } })
  expect((await world.api('POST', `/api/devices/dev/chats/${group}/read`)).status).toBe(200)
  for (const [index, { id, whatsappId }] of [...heard, ...grouped].entries()) {
    expect(await message(id)).toMatchObject({ status: 'read' })
    const author = index === heard.length + 1 ? ben : ana
    await eventually(`${author} sees the ticks`, async () =>
      (await onPhone(author, whatsappId))?.receipts.some(({ type }) => type === 'read'),
    )
  }
})

test('typing is shown where it goes on', async () => {
  const { body, status } = await world.api('POST', `/api/devices/dev/chats/${ana}/typing`, {
    state: 'recording',
  })
  expect({ status, state: body['state'] }).toEqual({ status: 200, state: 'done' })
  await eventually('the phone shows it', async () => {
    const typing = (await world.phone('GET', `/phones/${ana}/typing`)).body
    return JSON.stringify(typing).includes('recording')
  })
})

test('a group is made, described, listed, written to and left', async () => {
  const subject = 'Football on Friday'
  const made = await world.api('POST', '/api/devices/dev/groups', {
    subject,
    participants: [ana, jidOf(ben)],
  })
  expect(made).toMatchObject({ status: 200, body: { kind: 'group_create', state: 'done' } })
  const roles = members(made).map(({ phone, role }) => `${String(phone)} ${String(role)}`)
  expect(roles.toSorted()).toEqual([`${number} superadmin`, `${ana} member`, `${ben} member`])
  const jid = (made.body['result'] as unknown as { group: { jid: string } }).group.jid

  const described = await world.api('GET', `/api/devices/dev/groups/${jid}`)
  expect(described).toMatchObject({ status: 200, body: { jid, subject, size: 3, addressing: 'lid' } })
  const listed = await world.api('GET', '/api/devices/dev/groups')
  expect(listed.body['groups']).toContainEqual(expect.objectContaining({ jid, subject, size: 3 }))

  const { body } = await world.api('POST', '/api/devices/dev/send', { to: jid, message: 'who comes?' })
  await eventually('both have it', async () => {
    const shown = await Promise.all([ana, ben].map((friend) => onPhone(friend, String(body['id']))))
    return shown.every((each) => each?.text === 'who comes?')
  })

  expect((await world.api('POST', `/api/devices/dev/groups/${jid}/leave`)).status).toBe(200)
  const gone = await world.api('GET', `/api/devices/dev/groups/${jid}`)
  expect(gone).toMatchObject({ status: 502, body: { operation: { code: 'refused_403' } } })
})

test('of a new group it is told who could not be added', async () => {
  const made = await world.api('POST', '/api/devices/dev/groups', {
    subject: 'Not all',
    participants: [ana, '19990001234'],
  })
  expect(made).toMatchObject({
    status: 200,
    body: {
      result: { group: { size: 2 }, invited: [{ phone: '19990001234', code: 404, invite: null }] },
    },
  })
})

test('devices of one account that star at the same time lose no star', async () => {
  const heard: Awaited<ReturnType<typeof hear>>[] = []
  for (let at = 0; at < 4; at++) heard.push(await hear(ana, number, `starred together ${at}`))
  const answers = await Promise.all(
    heard.flatMap(({ id }, at) => {
      const other = heard.at(-1 - at)
      return [
        world.api('POST', `/api/messages/${id}/star`),
        world.api('POST', `/api/messages/${String(other?.twin)}/star`),
      ]
    }),
  )
  expect(answers.map(({ status, body }) => `${status} ${String(body['state'])}`)).toEqual(
    answers.map(() => '200 done'),
  )
  for (const { id, twin, whatsappId } of heard) {
    expect(await onPhone(number, whatsappId)).toMatchObject({ starred: true })
    for (const each of [id, twin]) expect(await message(each)).toMatchObject({ starred: true })
  }
}, 60_000)

test('a connector that dies while a group is made leaves it unknown, and makes no second one', async () => {
  const groupsOf = async (): Promise<unknown[]> =>
    (await world.phone('GET', '/groups')).body as unknown as unknown[]
  const before = (await groupsOf()).length
  await world.fault('freeze')
  const { body } = await world.api(
    'POST',
    '/api/devices/dev/groups',
    { subject: 'Perhaps', participants: [ana] },
    { Prefer: 'respond-async' },
  )
  const state = async (): Promise<unknown> =>
    (await world.api('GET', `/api/operations/${String(body['id'])}`)).body['state']
  await eventually('it is under way', async () => (await state()) === 'running')
  process.kill(await eventually('a connector runs', () => gateway.pidOf('connector')), 'SIGKILL')
  await eventually('nobody can say', async () => (await state()) === 'unknown', 30_000)
  await world.clearFaults()
  await world.untilStatus('dev', 'connected', 60_000)
  const star = await hear(ana, number, 'after the crash')
  expect((await world.api('POST', `/api/messages/${star.id}/star`)).status).toBe(200)
  expect((await groupsOf()).length).toBeLessThanOrEqual(before + 1)
  expect(await state()).toBe('unknown')
}, 120_000)

test('the same Idempotency-Key makes one group', async () => {
  const body = { subject: 'Once', participants: [ana] }
  const key = { 'Idempotency-Key': 'make-once' }
  const [first, second] = [
    await world.api('POST', '/api/devices/dev/groups', body, key),
    await world.api('POST', '/api/devices/dev/groups', body, key),
  ]
  expect(second).toEqual(first)
  const other = await world.api('POST', '/api/devices/dev/groups', { ...body, subject: 'Twice' }, key)
  expect(other.status).toBe(409)
})

test('what was accepted while the device was away is done when it is back', async () => {
  const { id } = await hear(ana, number, 'star it later')
  await world.api('POST', '/api/devices/dev/stop')
  await world.untilStatus('dev', 'disconnected')
  const answer = await world.api('POST', `/api/messages/${id}/star`, undefined, { Prefer: 'respond-async' })
  expect(answer).toMatchObject({ status: 202, body: { state: 'queued' } })
  await world.api('POST', '/api/devices/dev/start')
  const operation = await eventually('the star is done', async () => {
    const { body } = await world.api('GET', `/api/operations/${String(answer.body['id'])}`)
    return body['state'] === 'done' ? body : undefined
  })
  expect(operation).toMatchObject({ kind: 'star', error: null })
  expect(await message(id)).toMatchObject({ starred: true })
})

test('numbers are told apart by whether WhatsApp knows them, as they were asked for', async () => {
  const numbers = [`+${ana.slice(0, 4)} ${ana.slice(4)}`, '+1 999 000 1234', ben]
  const { status, body } = await world.api('POST', '/api/devices/dev/numbers/check', { numbers })
  expect(status).toBe(200)
  expect(body['numbers']).toEqual([
    { number: ana, onWhatsApp: true, jid: jidOf(ana) },
    { number: '19990001234', onWhatsApp: false, jid: null },
    { number: ben, onWhatsApp: true, jid: jidOf(ben) },
  ])
  // A send to any of them asks no more.
  const known = world.query<{ number: string; jid: string | null }>(
    'select number, jid from numbers order by number',
  )
  expect(known).toEqual(
    [
      [ana, jidOf(ana)],
      [ben, jidOf(ben)],
      ['19990001234', null],
    ]
      .map(([number, jid]) => ({ number, jid }))
      .toSorted((a, b) => String(a.number).localeCompare(String(b.number))),
  )
  const many = Array.from({ length: 101 }, (_, at) => `1555${String(at).padStart(7, '0')}`)
  expect((await world.api('POST', '/api/devices/dev/numbers/check', { numbers: many })).status).toBe(422)
})
