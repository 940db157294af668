import { z } from '@hono/zod-openapi'
import { changeBulk } from '../../control/change-bulk.ts'
import { createBulk, tryBulk } from '../../control/create-bulk.ts'
import { getBulk } from '../../control/get-bulk.ts'
import { listBulks, listRecipients } from '../../control/list-bulks.ts'
import type { GivenBody } from '../../domain/body.ts'
import type { BulkVerb } from '../../domain/bulk.ts'
import { bulkBodyBytesMax } from '../body.ts'
import { bodyOf, checkTyped, defined, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { bulkSchemas, refusedTypes } from '../wire/body.ts'
import {
  bulkBody,
  bulkDryRunSchema,
  bulkEnvelope,
  bulkSchema,
  bulksSchema,
  recipientsQuery,
  recipientsSchema,
  toBulkDryRun,
  toCounted,
  toRecipient,
  toSummary,
} from '../wire/bulk.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { dryRunQuery } from '../wire/dry-run.ts'
import { pageInput, pageQuery } from '../wire/page.ts'
import { mediaProblems, sendHeaders } from './messages.ts'

const tags = ['bulks']
const params = z.strictObject({ id: deviceIdSchema })
const bulkParams = z.strictObject({ id: z.string() })
const listQuery = z.strictObject(pageQuery)
const bulkHeaders = sendHeaders.pick({ 'idempotency-key': true })

const verbs: Readonly<Record<BulkVerb, { readonly summary: string; readonly description: string }>> = {
  pause: {
    summary: 'Stop a bulk for a while',
    description: 'What nobody has tried to send yet stays where it is; what is being sent goes on.',
  },
  resume: { summary: 'Have a paused bulk go on', description: 'It goes on where it was.' },
  cancel: {
    summary: 'Give up what of a bulk is not sent',
    description: 'What is being sent at this moment may arrive; all else is `cancelled`.',
  },
}

const verbRoute = (verb: BulkVerb): Route => ({
  doc: {
    method: 'post',
    path: `/api/bulks/{id}/${verb}`,
    operationId: `${verb}Bulk`,
    ...verbs[verb],
    tags,
    request: { params: bulkParams },
    responses: {
      200: jsonAnswer('The bulk as it is now', bulkSchema),
      ...problems('bulk_not_found', 'bulk_ended'),
    },
  },
  handle: async (c, ctx) => replyJson(c, toCounted(await changeBulk(ctx, { id: pathParam(c, 'id'), verb }))),
})

export const bulkRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/bulks',
      operationId: 'createBulk',
      summary: 'Send one message to many',
      description:
        'Up to 10,000 recipients, each a message of its own with its own status. `{{name}}` in the text or caption is replaced from the `variables` of each. A recipient that is none, lacks a variable or was named before is marked and left out. They go at priority `low`: single messages overtake them. Pacing holds for them as for any.',
      tags,
      request: { params, headers: bulkHeaders, query: dryRunQuery, body: jsonBody(bulkBody) },
      responses: {
        200: jsonAnswer('Of a dry run: what would be sent, and who would be left out', bulkDryRunSchema),
        201: jsonAnswer('The bulk; its Location tells how it goes on', bulkSchema),
        ...problems(
          'invalid_device_id',
          'invalid_json',
          'invalid_idempotency_key',
          'device_not_found',
          'device_not_linked',
          'idempotency_conflict',
          'body_too_large',
          'unsupported_media_type',
          'invalid_body',
          'invalid_text',
          'invalid_message',
          'invalid_reference',
          'invalid_plan',
          'invalid_query',
          ...mediaProblems,
        ),
      },
    },
    handle: async (c, ctx) => {
      const dry = queryOf(c, dryRunQuery).dryRun === 'true'
      const { message, recipients, name, ...plan } = await bodyOf(c, bulkEnvelope, bulkBodyBytesMax)
      const idempotencyKey = c.req.header('idempotency-key')
      const request = {
        deviceId: pathParam(c, 'id'),
        name: name ?? null,
        body: checkTyped(message, bulkSchemas, refusedTypes) as unknown as GivenBody,
        recipients: recipients.map((one) =>
          typeof one === 'string' ? { to: one } : { to: one.to, ...defined({ variables: one.variables }) },
        ),
        plan: defined(plan),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      }
      if (dry) return replyJson(c, toBulkDryRun(await tryBulk(ctx, request)))
      const { id } = await createBulk(ctx, request)
      return replyJson(c, toCounted(await getBulk(ctx, { id })), {
        status: 201,
        headers: { Location: `/api/bulks/${id}` },
      })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/bulks',
      operationId: 'listBulks',
      summary: 'The bulks of a device, newest first',
      tags,
      request: { params, query: listQuery },
      responses: {
        200: jsonAnswer('A page of bulks', bulksSchema),
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const page = pageInput(queryOf(c, listQuery))
      const { items, nextCursor } = await listBulks(ctx, { id: pathParam(c, 'id'), page })
      return replyJson(c, { bulks: items.map(toSummary), nextCursor })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/bulks/{id}',
      operationId: 'getBulk',
      summary: 'A bulk, and with how many recipients it has come how far',
      tags,
      request: { params: bulkParams },
      responses: { 200: jsonAnswer('The bulk', bulkSchema), ...problems('bulk_not_found') },
    },
    handle: async (c, ctx) => replyJson(c, toCounted(await getBulk(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'get',
      path: '/api/bulks/{id}/recipients',
      operationId: 'listRecipients',
      summary: 'The recipients of a bulk, each with its message and its error',
      tags,
      request: { params: bulkParams, query: recipientsQuery },
      responses: {
        200: jsonAnswer('A page of recipients', recipientsSchema),
        ...problems('invalid_query', 'bulk_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { limit, cursor, state } = queryOf(c, recipientsQuery)
      const { items, nextCursor } = await listRecipients(ctx, {
        id: pathParam(c, 'id'),
        page: pageInput({ limit, cursor }),
        ...defined({ status: state }),
      })
      return replyJson(c, { recipients: items.map(toRecipient), nextCursor })
    },
  },
  verbRoute('pause'),
  verbRoute('resume'),
  verbRoute('cancel'),
]
