import { type AfterOperation, openOperationsMax } from '../../../src/domain/operation.ts'
import { type Answer, type Api, linked } from '../api.ts'
import { after, bodyCases, type Case, id, of, start } from './frame.ts'

const group = {
  jid: '120363000000000000@g.us',
  subject: 'Football',
  description: null,
  owner: { pn: '4915123456789@s.whatsapp.net', lid: null },
  createdAt: 1_700_000_000_000,
  addressing: 'lid',
  settings: {
    announcement: false,
    locked: false,
    joinApproval: false,
    membersMayAdd: true,
    expiresIn: null,
  },
  community: null,
  size: 1,
  members: [{ pn: '4915123456789@s.whatsapp.net', lid: '9000@lid', role: 'superadmin' }],
} as const
const invited = [
  { pn: '1234567890@s.whatsapp.net', lid: null, code: 403, invite: { code: 'c', expiresAt: null } },
]
const made: AfterOperation = { state: 'done', result: { group, invited } }
const described: AfterOperation = { state: 'done', result: { group } }
const { members: _, ...summary } = group
const listed: AfterOperation = { state: 'done', result: { groups: [summary] } }
const done: AfterOperation = { state: 'done', result: null }
const failed: AfterOperation = { state: 'failed', error: { code: 'refused_403', detail: 'no' } }

const groups = `${id}/groups`
const chat = `${id}/chats/1234567890`
const checked = `${id}/numbers/check`
const later = { prefer: 'respond-async' }
const request =
  (method: string, path: string, headers: Record<string, string> = {}) =>
  (api: Api) =>
    api.request(method, path, { headers })

/** As many operations as may be open. */
const fill = async ({ store, ctx, clock }: Api): Promise<void> => {
  await Promise.all(
    Array.from({ length: openOperationsMax }, (_, at) =>
      store.operations.enqueue(
        { id: `op_${at}`, deviceId: 'myphone', input: { kind: 'group_list' } },
        () => undefined,
        ctx.origin,
        clock.now(),
      ),
    ),
  )
}

interface Kind {
  readonly operation: string
  readonly ask: (api: Api, headers?: Record<string, string>) => Promise<Answer>
  readonly outcome: AfterOperation
}

/** What every verb does that a device carries out: done, accepted, failed, and refused in the ways that all have. */
const kindCases = ({ operation, ask, outcome }: Kind): Case[] => [
  ...[outcome, failed].map((each) =>
    of(
      operation,
      each.state === 'done' ? 200 : 502,
      after(linked, (api) => {
        api.connector.keepDoing('myphone', each)
        return ask(api)
      }),
    ),
  ),
  of(
    operation,
    202,
    after(linked, (api) => ask(api, later)),
  ),
  of(operation, 404, (api) => ask(api)),
  of(
    operation,
    409,
    after(start, (api) => ask(api)),
  ),
  of(
    operation,
    429,
    after(linked, async (api) => {
      await fill(api)
      return ask(api)
    }),
  ),
]
const wrongKey = (operation: string, ask: Kind['ask']): Case =>
  of(
    operation,
    400,
    after(linked, (api) => ask(api, { 'idempotency-key': 'a b' })),
  )

const ofDevice: readonly Kind[] = [
  {
    operation: 'createGroup',
    ask: (api, headers) => api.post(groups, { subject: 'Football', participants: ['1234567890'] }, headers),
    outcome: made,
  },
  { operation: 'listGroups', ask: (api, headers) => api.get(groups, headers), outcome: listed },
  {
    operation: 'getGroup',
    ask: (api, headers) => api.get(`${groups}/${group.jid}`, headers),
    outcome: described,
  },
  {
    operation: 'leaveGroup',
    ask: (api, headers) => api.post(`${groups}/${group.jid}/leave`, undefined, headers),
    outcome: done,
  },
  {
    operation: 'markChatRead',
    ask: (api, headers) => api.post(`${chat}/read`, undefined, headers),
    outcome: done,
  },
  {
    operation: 'checkNumbers',
    ask: (api, headers) => api.post(checked, { numbers: ['+49 151 23456789'] }, headers),
    outcome: { state: 'done', result: { numbers: [{ number: '4915123456789', jid: null }] } },
  },
  {
    operation: 'showTyping',
    ask: (api, headers) => api.post(`${chat}/typing`, { state: 'composing' }, headers),
    outcome: done,
  },
]

/** Verbs on a message that came in before the device was set to what the case wants. */
const ofMessage = (
  [
    ['starMessage', 'POST', '/star'],
    ['unstarMessage', 'DELETE', '/star'],
    ['markMessageRead', 'POST', '/read'],
    ['deleteMessage', 'DELETE', '?for=me'],
  ] as const
).flatMap(([operation, method, path]): Case[] => {
  const ask = (api: Api, message: string, headers: Record<string, string> = {}) =>
    request(method, `/api/messages/${message}${path}`, headers)(api)
  const received = async (api: Api): Promise<string> => (await api.connector.receive('myphone', 'hi')).id
  const answered = (status: number, arrange: (api: Api) => void, headers?: Record<string, string>): Case =>
    of(
      operation,
      status,
      after(linked, async (api) => {
        const message = await received(api)
        arrange(api)
        return ask(api, message, headers)
      }),
    )
  return [
    answered(200, (api) => api.connector.keepDoing('myphone', done)),
    answered(502, (api) => api.connector.keepDoing('myphone', failed)),
    answered(202, () => undefined, later),
    answered(400, () => undefined, { 'idempotency-key': 'a b' }),
    of(operation, 404, (api) => ask(api, 'gone')),
    of(
      operation,
      409,
      after(linked, async (api) => {
        const [first, second] = [await received(api), await received(api)]
        const key = { ...later, 'idempotency-key': 'k' }
        await ask(api, first, key)
        return ask(api, second, key)
      }),
    ),
    of(
      operation,
      422,
      after(linked, async (api) => {
        const message = await received(api)
        const body = { type: 'reaction', messageId: message, emoji: '👍' }
        const { json } = await api.post(`${id}/messages`, body, later)
        return ask(api, (json as { id: string }).id)
      }),
    ),
    of(
      operation,
      429,
      after(linked, async (api) => {
        const message = await received(api)
        await fill(api)
        return ask(api, message)
      }),
    ),
  ]
})

const withBody: readonly Case[] = [
  ...bodyCases('createGroup', groups, { subject: 'x' }),
  ...bodyCases('markChatRead', `${chat}/read`, { messageIds: [] }),
  ...bodyCases('checkNumbers', checked, { numbers: ['x'] }),
  ...bodyCases('showTyping', `${chat}/typing`, {}),
  ...bodyCases('markMessageRead', '/api/messages/x/read', { played: 'x' }).filter(
    ({ status }) => status === 413 || status === 415,
  ),
]

export const operationCases: readonly Case[] = [
  ...ofDevice.flatMap(kindCases),
  ...ofDevice
    .filter(({ operation }) => ['listGroups', 'getGroup', 'leaveGroup'].includes(operation))
    .map(({ operation, ask }) => wrongKey(operation, ask)),
  ...withBody,
  ...ofMessage,
  of('getGroup', 422, (api) => api.get(`${groups}/nobody@s.whatsapp.net`)),
  of('leaveGroup', 422, (api) => api.post(`${groups}/nobody@s.whatsapp.net/leave`)),
  of(
    'getOperation',
    200,
    after(linked, async (api) => {
      const { json } = await api.get(groups, later)
      return api.get(`/api/operations/${(json as { id: string }).id}`)
    }),
  ),
  of('getOperation', 404, (api) => api.get('/api/operations/x')),
]
