import { z } from '@hono/zod-openapi'
import { getDelivery, listDeliveries } from '../../control/webhooks/deliveries.ts'
import { redeliver, redeliverFailed } from '../../control/webhooks/redeliver.ts'
import { replay } from '../../control/webhooks/replay.ts'
import { bodyOf, defined, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import {
  deliveriesQuery,
  deliveriesSchema,
  deliverySchema,
  redeliverBody,
  redeliveredSchema,
  replayBody,
  replayedSchema,
  shownDeliverySchema,
  toDelivery,
  toShownDelivery,
} from '../wire/delivery.ts'
import { pageInput } from '../wire/page.ts'

const tags = ['webhooks']
const params = z.strictObject({ id: z.string() })
const deliveryParams = z.strictObject({ id: z.string(), deliveryId: z.string() })
const bodyProblems = ['invalid_json', 'body_too_large', 'unsupported_media_type', 'invalid_body'] as const

export const deliveryRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/webhooks/{id}/deliveries',
      operationId: 'listDeliveries',
      summary: 'What was sent, or is to be sent, to a webhook, newest first',
      tags,
      request: { params, query: deliveriesQuery },
      responses: {
        200: jsonAnswer('A page of deliveries', deliveriesSchema),
        ...problems('invalid_query', 'invalid_device_id', 'webhook_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { limit, cursor, device, ...filter } = queryOf(c, deliveriesQuery)
      const { items, nextCursor } = await listDeliveries(ctx, {
        filter: { endpointId: pathParam(c, 'id'), ...defined({ ...filter, deviceId: device }) },
        page: pageInput({ limit, cursor }),
      })
      return replyJson(c, { deliveries: items.map(toDelivery), nextCursor })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/webhooks/{id}/deliveries/{deliveryId}',
      operationId: 'getDelivery',
      summary: 'One delivery with its event, and how each attempt went',
      tags,
      request: { params: deliveryParams },
      responses: {
        200: jsonAnswer('The delivery', shownDeliverySchema),
        ...problems('webhook_not_found', 'delivery_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const input = { id: pathParam(c, 'id'), deliveryId: pathParam(c, 'deliveryId') }
      return replyJson(c, toShownDelivery(await getDelivery(ctx, input)))
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/deliveries/{deliveryId}/redeliver',
      operationId: 'redeliver',
      summary: 'Have a delivery tried once more, whatever came of it',
      description:
        'At once, with as many attempts as a new one, and under the same `webhook-id`: a receiver that has it knows it.',
      tags,
      request: { params: deliveryParams },
      responses: {
        202: jsonAnswer('The delivery, due now; its Location tells how it goes on', deliverySchema),
        ...problems('webhook_not_found', 'delivery_not_found', 'delivery_in_flight'),
      },
    },
    handle: async (c, ctx) => {
      const id = pathParam(c, 'id')
      const delivery = await redeliver(ctx, { id, deliveryId: pathParam(c, 'deliveryId') })
      return replyJson(c, toDelivery(delivery), {
        status: 202,
        headers: { Location: `/api/webhooks/${id}/deliveries/${delivery.id}` },
      })
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/redeliver',
      operationId: 'redeliverFailed',
      summary: 'Have all deliveries that have failed since a time tried once more',
      tags,
      request: { params, body: jsonBody(redeliverBody) },
      responses: {
        200: jsonAnswer('How many there are', redeliveredSchema),
        ...problems(...bodyProblems, 'webhook_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { since } = await bodyOf(c, redeliverBody)
      return replyJson(c, await redeliverFailed(ctx, { id: pathParam(c, 'id'), since }))
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/replay',
      operationId: 'replay',
      summary: 'Send a range of the log to a webhook once more',
      description:
        'As far as its filters let it pass: new deliveries of the same events, under the same `webhook-id`. Beside what comes meanwhile, in no order with it unless the webhook is `ordered`.',
      tags,
      request: { params, body: jsonBody(replayBody) },
      responses: {
        200: jsonAnswer('How many deliveries there are', replayedSchema),
        ...problems(...bodyProblems, 'webhook_not_found', 'cursor_too_old'),
      },
    },
    handle: async (c, ctx) => {
      const { after, until } = await bodyOf(c, replayBody)
      return replyJson(c, await replay(ctx, { id: pathParam(c, 'id'), after, until }))
    },
  },
]
