import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type MessageBody, World } from './world.ts'

/** What people do to messages: on their phones, seen by the gateway, and the other way round. */
let world: World
const [number, ana, ben] = ['15550851', '15550852', '15550853']
beforeAll(async () => {
  world = await World.withGateway()
  for (const friend of [ana, ben]) await world.createPhone(friend)
  await world.link('dev', number)
}, 90_000)
afterAll(() => closePromised(world))

type Detail = MessageBody & Record<string, unknown>

const inApi = (whatsappId: string, query = ''): Promise<MessageBody> =>
  eventually(`${whatsappId} is in the API`, async () =>
    (await world.messages('dev', query)).find((message) => message.whatsappId === whatsappId),
  )
const detail = async (id: string, path = ''): Promise<Detail> =>
  (await world.api('GET', `/api/messages/${id}${path}`)).body as unknown as Detail
const shows = async (id: string, expected: object): Promise<void> => {
  await eventually(`${id} shows ${JSON.stringify(expected)}`, async () => {
    expect(await detail(id)).toMatchObject(expected)
    return true
  })
}
const send = async (body: object): Promise<string> => {
  const { status, body: answer } = await world.api('POST', '/api/devices/dev/messages', body)
  expect([status, answer]).toMatchObject([200, { status: 'sent' }])
  return String(answer['id'])
}
const onPhone = (phone: string, id: string, expected: object): Promise<unknown> =>
  eventually(`${phone} shows ${JSON.stringify(expected)}`, async () => {
    const shown = (await world.phoneMessages(phone)).find((message) => message.id === id)
    expect(shown).toMatchObject(expected)
    return true
  })

for (const chat of ['a chat', 'a group'] as const) {
  test(`what others do to a message in ${chat} is applied to it`, async () => {
    const to = chat === 'a chat' ? number : await world.createGroup(ana, [number, ben])
    const written = await world.phoneSend(ana, { to, type: 'text', text: 'first' })
    const { id } = await inApi(written)
    await world.phoneSend(ana, { to, type: 'reaction', messageId: written, emoji: '👍' })
    await shows(id, { reactions: [{ emoji: '👍', count: 1, people: [{ phone: ana }] }] })
    await world.phoneSend(ana, { to, type: 'reaction', messageId: written, emoji: '' })
    await shows(id, { reactions: [] })
    await world.phoneSend(ana, { to, type: 'pin', messageId: written, seconds: 86_400 })
    await shows(id, { pinnedUntil: expect.any(String) })
    await world.phoneSend(ana, { to, type: 'edit', messageId: written, text: 'second' })
    await shows(id, { text: 'second', body: { type: 'text', text: 'second' }, editedAt: expect.any(String) })
    await world.phoneSend(ana, { to, type: 'delete', messageId: written })
    await shows(id, { text: null, body: null, deletedAt: expect.any(String), pinnedUntil: null })
    expect(await detail(id, '/changes')).toMatchObject({
      changes: [
        { type: 'edit', text: 'first', by: { phone: ana } },
        { type: 'delete', text: 'second', by: { phone: ana } },
      ],
    })
    const acts = (await world.messages('dev', '&acts=true')) as unknown as readonly Detail[]
    const [edit] = acts.filter((act) => act.type === 'edit' && act['target'] === id)
    expect(edit).toMatchObject({ body: { type: 'edit', messageId: id, text: 'second' } })
    expect((await world.messages('dev')).filter(({ type }) => type === 'edit')).toEqual([])
  })

  test(`votes in a poll of ours in ${chat} are read, and votes of ours too`, async () => {
    const group = chat === 'a group' ? await world.createGroup(number, [ana, ben]) : undefined
    const to = group ?? ana
    const back = group ?? number
    const voters = group === undefined ? [ana] : [ana, ben]
    const poll = await send({ to, type: 'poll', question: 'Tea?', options: ['yes', 'no'], selectable: 1 })
    for (const voter of voters) {
      await onPhone(voter, poll, { type: 'poll' })
      await world.phoneSend(voter, { to: back, type: 'vote', messageId: poll, options: ['no'] })
    }
    await send({ type: 'vote', messageId: poll, options: ['yes'] })
    const people = (phones: readonly string[]) => phones.map((phone) => expect.objectContaining({ phone }))
    await shows(poll, {
      poll: {
        voters: voters.length + 1,
        options: [
          { option: 'yes', votes: 1, voters: people([number]) },
          { option: 'no', votes: voters.length, voters: expect.arrayContaining(people(voters)) },
        ],
      },
    })
    await world.phoneSend(ana, { to: back, type: 'vote', messageId: poll, options: [] })
    await shows(poll, { poll: { voters: voters.length } })
  })

  test(`what we do to messages of ${chat} is done on phones, and here`, async () => {
    const group = chat === 'a group' ? await world.createGroup(number, [ana, ben]) : undefined
    const id = await send({ to: group ?? ana, type: 'text', text: 'ours' })
    await onPhone(ana, id, { text: 'ours' })
    await send({ type: 'reaction', messageId: id, emoji: '❤️' })
    await shows(id, { reactions: [{ emoji: '❤️', count: 1, people: [{ phone: number }] }] })
    await send({ type: 'edit', messageId: id, text: 'ours, better' })
    await shows(id, { text: 'ours, better', editedAt: expect.any(String) })
    await onPhone(ana, id, { text: 'ours, better', reactions: [{ emoji: '❤️' }] })
    await send({ type: 'delete', messageId: id })
    await shows(id, { text: null, deletedAt: expect.any(String) })
    await onPhone(ana, id, { text: '', deletedBy: `${number}@s.whatsapp.net` })
  })
}

test('what the own phone does is applied as ours', async () => {
  const theirs = await world.phoneSend(ana, { to: number, type: 'poll', question: 'Q?', options: ['x', 'y'] })
  const { id } = await inApi(theirs)
  await world.phoneSend(number, { to: ana, type: 'vote', messageId: theirs, options: ['x'] })
  await shows(id, { poll: { voters: 1, options: [{ option: 'x', voters: [{ phone: number }] }, {}] } })
  const ours = await world.phoneSend(number, { to: ana, type: 'poll', question: 'Q?', options: ['x', 'y'] })
  const own = await inApi(ours)
  await world.phoneSend(ana, { to: number, type: 'vote', messageId: ours, options: ['y'] })
  await shows(own.id, {
    poll: { voters: 1, options: [{ votes: 0 }, { option: 'y', voters: [{ phone: ana }] }] },
  })
})

test('a message to a group tells how far it has come with each member, and advances with the last', async () => {
  const group = await world.createGroup(number, [ana, ben])
  const id = await send({ to: group, type: 'text', text: 'to all' })
  await shows(id, { status: 'delivered', receipts: { delivered: 2, read: 0, played: 0 } })
  await world.phone('POST', `/phones/${ana}/read`, { chat: group })
  await shows(id, { status: 'delivered', receipts: { delivered: 2, read: 1 } })
  await world.phone('POST', `/phones/${ben}/read`, { chat: group })
  await shows(id, { status: 'read', receipts: { read: 2 } })
  const { receipts } = await detail(id, '/receipts')
  expect(
    (receipts as { member: { phone: string }; read: string }[]).map(({ member }) => member.phone).toSorted(),
  ).toEqual([ana, ben])
})

test('a message that never comes readable is pending, and what nobody is asked for has failed', async () => {
  await world.fault('garble', { device: number, resend: false })
  const lost = await world.phoneSend(ana, { to: number, type: 'text', text: 'lost' })
  const pending = await inApi(lost)
  expect(pending).toMatchObject({
    type: 'undecryptable',
    status: 'pending',
    error: { code: 'awaiting_retry' },
  })
  expect((await world.messages('dev', '&status=pending')).map(({ id }) => id)).toEqual([pending.id])
  await world.fault('unavailable', { device: number })
  const once = await world.phoneSend(ana, { to: number, type: 'text', text: 'once' })
  expect(await inApi(once)).toMatchObject({ status: 'failed', error: { code: 'undecryptable' } })
})
