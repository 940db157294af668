import { describe, expect, it } from 'vitest'
import { bulkBodyBytesMax } from '../../src/http/body.ts'
import { bulkQueuedMax, bulkRecipientsMax } from '../../src/domain/bulk.ts'
import type { Lease } from '../../src/domain/lease.ts'
import { createApi, linked, type Answer, type Api } from './api.ts'

const id = '/api/devices/myphone'
const hello = { type: 'text', text: 'Hello {{name}}' }

const open = async (): Promise<Api> => {
  const api = await createApi()
  await linked(api)
  return api
}
const seatOf = (api: Api): Promise<Lease> => api.connector.takeSeat()
const feed = async (api: Api, seat: Lease): Promise<number> =>
  api.store.bulks.feed(seat, api.ctx.origin, api.clock.now())
interface Shown {
  readonly id: string
  readonly state: string
  readonly counts: Record<string, number>
}
const shown = ({ json }: Answer): Shown => json as Shown
const rowsOf = ({ json }: Answer): { readonly messageId: string | null }[] =>
  (json as { recipients: { messageId: string | null }[] }).recipients
const numbers = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(15_550_100_000 + index))

describe('a bulk', () => {
  it('is a row for each recipient: the invalid, the incomplete and the repeated are marked and left out', async () => {
    const api = await open()
    const recipients = [
      { to: '+1 555 010 0001', variables: { name: 'Ada' } },
      { to: '15550100002' },
      'nobody',
      { to: '15550100001@s.whatsapp.net', variables: { name: 'Ada again' } },
    ]
    const answer = await api.post(`${id}/bulks`, { message: hello, recipients, name: 'greeting' })
    const bulk = shown(answer)
    expect(answer).toMatchObject({
      status: 201,
      json: {
        name: 'greeting',
        state: 'running',
        total: 4,
        counts: { waiting: 1, invalid: 2, duplicate: 1, queued: 0 },
      },
    })
    expect(answer.headers.get('location')).toBe(`/api/bulks/${bulk.id}`)
    expect(await feed(api, await seatOf(api))).toBe(1)
    const rows = rowsOf(await api.get(`/api/bulks/${bulk.id}/recipients`))
    expect(rows).toMatchObject([
      { index: 0, to: '+1 555 010 0001', state: 'queued', error: null },
      { index: 1, state: 'invalid', error: { code: 'invalid_message' }, messageId: null },
      { index: 2, state: 'invalid', chat: null, error: { code: 'invalid_recipient' } },
      { index: 3, state: 'duplicate', error: { code: 'duplicate' } },
    ])
    const { json: message } = await api.get(`/api/messages/${rows[0]?.messageId}`)
    expect(message).toMatchObject({ text: 'Hello Ada', plan: { priority: 'low', bulk: bulk.id } })
  })

  it('is fed a few at a time, and single messages overtake what is queued', async () => {
    const api = await open()
    const message = { type: 'text', text: 'hi' }
    const bulk = shown(await api.post(`${id}/bulks`, { message, recipients: numbers(50) }))
    const seat = await seatOf(api)
    expect(await feed(api, seat)).toBe(bulkQueuedMax)
    expect(await feed(api, seat)).toBe(0)
    const single = await api.post(
      `${id}/messages`,
      { ...message, to: '15550200000' },
      { prefer: 'respond-async' },
    )
    const [first] = await api.connector.ack('myphone')
    expect(first).toBe(shown(single).id)
    for (let left = 3; left > 0; left--) {
      await feed(api, seat)
      await api.connector.ack('myphone')
    }
    await feed(api, seat)
    expect(shown(await api.get(`/api/bulks/${bulk.id}`))).toMatchObject({
      state: 'done',
      counts: { sent: 50, waiting: 0, queued: 0 },
    })
  })

  it('can be paused, resumed and cancelled, and says no when it has ended', async () => {
    const api = await open()
    const message = { type: 'text', text: 'hi' }
    const { id: bulk } = shown(await api.post(`${id}/bulks`, { message, recipients: numbers(30) }))
    const seat = await seatOf(api)
    await feed(api, seat)
    expect(await api.post(`/api/bulks/${bulk}/pause`)).toMatchObject({
      status: 200,
      json: { state: 'paused', counts: { queued: 20, waiting: 10 } },
    })
    const [first] = rowsOf(await api.get(`/api/bulks/${bulk}/recipients?state=queued&limit=1`))
    expect((await api.get(`/api/messages/${first?.messageId}`)).json).toMatchObject({
      plan: { waiting: { reason: 'bulk_paused', until: null } },
    })
    expect(await api.connector.ack('myphone')).toEqual([])
    expect((await api.post(`/api/bulks/${bulk}/resume`)).json).toMatchObject({ state: 'running' })
    expect(await api.connector.ack('myphone')).not.toEqual([])
    expect((await api.post(`/api/bulks/${bulk}/cancel`)).json).toMatchObject({
      state: 'cancelled',
      counts: { waiting: 0, queued: 0 },
    })
    expect(await api.post(`/api/bulks/${bulk}/resume`)).toMatchObject({
      status: 409,
      json: { type: '/problems/bulk-ended' },
    })
    expect((await api.post(`/api/bulks/${bulk}/cancel`)).status).toBe(200)
  })

  it('takes its file in once, and says something else to each below it', async () => {
    const api = await open()
    const media = { base64: Buffer.from('the same for all').toString('base64') }
    const message = { type: 'document', media, filename: 'a.txt', caption: 'For {{name}}' }
    const named = (to: string, name: string) => ({ to, variables: { name } })
    const recipients = [
      named('15550100001', 'Ada'),
      named('15550100002', 'Bob'),
      named('15550100003', 'x'.repeat(4_096)),
    ]
    const bulk = shown(await api.post(`${id}/bulks`, { message, recipients }))
    expect(bulk.counts).toMatchObject({ waiting: 2, invalid: 1 })
    await feed(api, await seatOf(api))
    const bodies = await Promise.all(
      rowsOf(await api.get(`/api/bulks/${bulk.id}/recipients?state=queued`)).map(
        async ({ messageId }) => (await api.store.messages.get(messageId ?? ''))?.body,
      ),
    )
    const files = new Set(bodies.map((body) => body && 'media' in body && body.media.uploadId))
    expect(bodies).toMatchObject([{ caption: 'For Ada' }, { caption: 'For Bob' }])
    expect(files.size).toBe(1)
  })

  it('of a repeated request is the same, and of another one with its key is refused', async () => {
    const api = await open()
    const body = { message: { type: 'text', text: 'hi' }, recipients: ['15550100001'] }
    const key = { 'idempotency-key': 'k' }
    const first = shown(await api.post(`${id}/bulks`, body, key))
    expect(shown(await api.post(`${id}/bulks`, body, key)).id).toBe(first.id)
    const other = { ...body, recipients: ['15550100002'] }
    expect((await api.post(`${id}/bulks`, other, key)).status).toBe(409)
    expect((await api.get(`${id}/bulks`)).json).toMatchObject({ bulks: [{ id: first.id }] })
  })

  it('as a dry run shows who would be left out and what the others would get, and writes nothing', async () => {
    const api = await open()
    const seq = await api.store.events.latest()
    const recipients = [{ to: '15550100001', variables: { name: 'Ada' } }, 'nobody', '15550100001']
    const { status, json: answer } = await api.post(`${id}/bulks?dryRun=true`, { message: hello, recipients })
    expect({ status, answer }).toMatchObject({
      status: 200,
      answer: {
        status: 'dry_run',
        total: 3,
        valid: 1,
        invalid: 2,
        duplicate: 0,
        problems: [
          { index: 1, error: { code: 'invalid_recipient' } },
          { index: 2, error: { code: 'invalid_message' } },
        ],
        sample: [{ to: '15550100001@s.whatsapp.net', body: { type: 'text', text: 'Hello Ada' } }],
      },
    })
    expect(await api.store.events.latest()).toBe(seq)
    expect((await api.get(`${id}/bulks`)).json).toMatchObject({ bulks: [] })
  })

  it('may have 10,000 recipients and 4 MiB, and no more', async () => {
    const api = await open()
    const message = { type: 'text', text: 'hi' }
    const most = await api.post(`${id}/bulks`, { message, recipients: numbers(bulkRecipientsMax) })
    expect(most).toMatchObject({ status: 201, json: { counts: { waiting: bulkRecipientsMax } } })
    const more = await api.post(`${id}/bulks`, { message, recipients: numbers(bulkRecipientsMax + 1) })
    expect(more).toMatchObject({ status: 422, json: { type: '/problems/invalid-body' } })
    expect((await api.post(`${id}/bulks`, 'x'.repeat(bulkBodyBytesMax))).status).toBe(413)
    expect((await api.post(`${id}/bulks`, 'x'.repeat(bulkBodyBytesMax - 2))).status).toBe(422)
  })

  it.each([
    [{ type: 'buttons', text: 'x' }, 'ask with a poll'],
    [{ type: 'reaction', messageId: 'x', emoji: 'x' }, 'type must be one of'],
    [{ type: 'text', text: 'x', replyTo: 'x' }, 'replyTo'],
    [{ type: 'text', text: 'x', to: '15550100001' }, 'to'],
    [{ type: 'text', text: 'x', mentions: ['all'] }, 'only in a group'],
    ['x', 'type is missing'],
  ])('cannot say %j', async (message, why) => {
    const api = await open()
    const { status, text } = await api.post(`${id}/bulks`, { message, recipients: ['15550100001'] })
    expect({ status, text }).toMatchObject({ status: 422, text: expect.stringContaining(why) as string })
  })

  it('with a sendAt waits for it, and what is left at its expiresAt is given up', async () => {
    const api = await open()
    const at = (ms: number): string => new Date(api.clock.now() + ms).toISOString()
    const times = { sendAt: at(60_000), expiresAt: at(120_000) }
    const message = { type: 'text', text: 'hi' }
    const bulk = shown(await api.post(`${id}/bulks`, { message, recipients: numbers(30), ...times }))
    const seat = await seatOf(api)
    const { wallMs } = api.clock
    const feedIn = (ms: number): Promise<number> => {
      api.clock.wallMs = wallMs + ms
      return feed(api, seat)
    }
    expect(await feedIn(59_999)).toBe(0)
    expect(await feedIn(60_000)).toBe(20)
    expect(await feedIn(120_000)).toBe(0)
    expect((await api.get(`/api/bulks/${bulk.id}/recipients?state=failed&limit=1`)).json).toMatchObject({
      recipients: [{ error: { code: 'expired' }, messageId: null }],
    })
  })
})
