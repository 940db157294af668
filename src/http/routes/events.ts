import { openEvents, readEvents } from '../../control/read-events.ts'
import type { RequestContext } from '../env.ts'
import { sendEvents } from '../event-socket.ts'
import { eventStream } from '../event-stream.ts'
import { check, queryOf } from '../input.ts'
import { OutcomeProblem } from '../problem.ts'
import { reply, replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { eventsQuery, eventsSchema, streamHeaders, streamQuery, toEvents, toWanted } from '../wire/events.ts'
import { z } from '@hono/zod-openapi'

const tags = ['events']
const secondMs = 1_000
export const eventsSocketPath = '/api/events/ws'

const readerProblems = ['invalid_query', 'invalid_device_id', 'cursor_too_old', 'too_many_streams'] as const

/**
 * A browser lets any page open a WebSocket to any address, and tells only where the page is from: other pages must not read
 * what is said here. Programs send no Origin.
 */
const checkOrigin = (c: RequestContext): void => {
  const origin = c.req.header('origin')
  if (origin === undefined || URL.parse(origin)?.host === c.req.header('host')) return
  throw new OutcomeProblem('origin_refused', 'only pages of the address of this API may open its WebSocket')
}

export const eventRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/events',
      operationId: 'listEvents',
      summary: 'What has happened, oldest first; with `wait`, as soon as it happens',
      description:
        'Each event has its `seq` for good. Ask with the `next` of the answer before as `after`, and none is missed or seen twice. What each type of event says is under `webhooks`.',
      tags,
      request: { query: eventsQuery },
      responses: {
        200: jsonAnswer('A page of events, which may be empty', eventsSchema),
        ...problems(...readerProblems),
      },
    },
    handle: async (c, ctx) => {
      const { limit, wait, ...query } = queryOf(c, eventsQuery)
      const wanted = { ...toWanted(query), limit, waitMs: wait * secondMs }
      return replyJson(c, toEvents(await readEvents(ctx, wanted, c.req.raw.signal)))
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/events/stream',
      operationId: 'streamEvents',
      summary: 'Events as they happen, as server-sent events',
      description:
        'For `EventSource`: `id` is the `seq`, `event` the type, `data` the event as JSON on one line. A client that comes back with `Last-Event-ID` goes on where it was. Every 15 s there is a sign of life, with an `id` that moves past what the filter leaves out. A client that takes nothing for 30 s while something waits is cut, to come back with its id. When what is next is not kept any more, the stream ends with an event `cursor_too_old`.',
      tags,
      request: { query: streamQuery, headers: streamHeaders },
      responses: {
        200: {
          description: 'The stream',
          content: {
            'text/event-stream': {
              schema: z.string().openapi({ example: 'id: 4711\nevent: message.received\ndata: {…}\n\n' }),
            },
          },
        },
        ...problems(...readerProblems),
      },
    },
    handle: async (c, ctx, log) => {
      const wanted = toWanted(queryOf(c, streamQuery))
      const given = c.req.header('last-event-id')
      const headers = check(streamHeaders, given ? { 'last-event-id': given } : {}, 'invalid_query')
      const after = headers['last-event-id'] ?? wanted.after
      const tail = await openEvents(ctx, { ...wanted, after }, c.req.raw.signal)
      // Nobody reads, or cancels, the body of an answer to HEAD.
      if (c.req.method === 'HEAD') {
        tail.close()
        return reply(c, '', 'text/event-stream')
      }
      const { times } = ctx.feed
      // It runs while something waits to be taken, and nothing is.
      const { outgoing } = c.env ?? {}
      outgoing?.setTimeout(times.stallMs, () => outgoing.destroy())
      const requestId = c.get('requestId')
      const onError = (err: unknown): void => log.warn({ err, requestId }, 'event stream failed')
      return reply(c, eventStream(tail, { beatMs: times.beatMs, onError }), 'text/event-stream', {
        headers: { Connection: 'close', 'X-Accel-Buffering': 'no' },
      })
    },
  },
  {
    doc: {
      method: 'get',
      path: eventsSocketPath,
      operationId: 'openEventSocket',
      summary: 'Events as they happen, over a WebSocket',
      description:
        'Each message is one event as JSON; what the client sends is ignored, and may be 4 KiB long. The gateway pings every 15 s and cuts who does not answer for 30 s. It closes with 1001 when it stops and with 1013 when the client takes nothing for 30 s, each with `resume after SEQ` as the reason, and with 4410 when what is next is not kept any more.',
      tags,
      request: { query: streamQuery },
      responses: {
        101: { description: 'It is a WebSocket now' },
        ...problems(...readerProblems, 'origin_refused', 'upgrade_required'),
      },
    },
    handle: async (c, ctx, log) => {
      const wanted = toWanted(queryOf(c, streamQuery))
      const { upgrade } = c.env ?? {}
      if (upgrade === undefined) {
        throw new OutcomeProblem(
          'upgrade_required',
          'this address is for a WebSocket (Upgrade: websocket); /api/events and /api/events/stream have the same events',
          { headers: { Upgrade: 'websocket' } },
        )
      }
      checkOrigin(c)
      const tail = await openEvents(ctx, wanted, c.req.raw.signal)
      const requestId = c.get('requestId')
      const onError = (err: unknown): void => log.warn({ err, requestId }, 'event socket failed')
      upgrade((socket) => void sendEvents(socket, tail, { times: ctx.feed.times, onError }))
      c.set('upgraded', true)
      return new Response(null, { headers: { 'X-Request-Id': requestId } })
    },
  },
]
