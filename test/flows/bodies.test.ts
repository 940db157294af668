import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World } from './world.ts'

let world: World
const [own, friend] = ['15550801', '15550802']
const to = `${friend}@s.whatsapp.net`
beforeAll(async () => {
  world = await World.withGateway()
  await world.createPhone(friend)
  await world.link('dev', own)
}, 90_000)
afterAll(() => closePromised(world))

const send = async (body: object): Promise<string> => {
  const answer = await world.api('POST', '/api/devices/dev/messages', body)
  expect(answer).toMatchObject({ status: 200, body: { status: 'sent', to } })
  return String(answer.body['id'])
}

test('what has only a body is made by the connector, and arrives', async () => {
  const poll = await send({ to, type: 'poll', question: 'Lunch?', options: ['Pizza', 'Salad'] })
  const reply = await send({ to, type: 'text', text: 'well?', replyTo: poll })
  const reaction = await send({ type: 'reaction', messageId: reply, emoji: '👍' })
  await eventually('the friend has all three', async () => {
    const ids = new Set((await world.phoneMessages(friend)).map(({ id }) => id))
    return [poll, reply, reaction].every((id) => ids.has(id))
  })
  expect(await world.stats()).toMatchObject({ undecryptable: 0 })
  expect((await world.api('GET', `/api/messages/${reply}`)).body).toMatchObject({
    body: { type: 'text', text: 'well?', replyTo: poll },
  })
})
