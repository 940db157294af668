import { z } from '@hono/zod-openapi'
import { getGroup, leaveGroup, listGroups } from '../../control/groups/ask-groups.ts'
import { createGroup } from '../../control/groups/create-group.ts'
import type { Operation } from '../../domain/operation.ts'
import { bodyOf, pathParam } from '../input.ts'
import { operationAnswer } from '../operation-answer.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { createGroupBody, groupSchema, groupsSchema, toGroup, toGroups } from '../wire/group.ts'
import { operationSchema, toOperation } from '../wire/operation.ts'
import { sendHeaders, sendOptions } from './messages.ts'

const tags = ['groups']
const params = z.strictObject({ id: deviceIdSchema })
const groupParams = z.strictObject({
  id: deviceIdSchema,
  group: z.string().openapi({ description: "The group's JID", example: '120363000000000000@g.us' }),
})

const common = [
  'invalid_device_id',
  'invalid_idempotency_key',
  'device_not_found',
  'device_not_linked',
  'idempotency_conflict',
  'operations_full',
  'operation_failed',
] as const

const queued = jsonAnswer('It is queued; its Location tells how it goes on', operationSchema)

const shownGroup = ({ result }: Operation): unknown =>
  result !== null && 'group' in result ? toGroup(result.group) : null
const shownGroups = ({ result }: Operation): unknown =>
  toGroups(result !== null && 'groups' in result ? result.groups : [])

export const groupRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/groups',
      operationId: 'createGroup',
      summary: 'Make a group',
      description:
        '200 with the group, and with those who could not be added. 502 `operation_unknown` when the connection broke before the answer: there may be a group, and nothing is tried again. With an Idempotency-Key a repeat gives the outcome of then.',
      tags,
      request: { params, headers: sendHeaders, body: jsonBody(createGroupBody) },
      responses: {
        200: jsonAnswer('The operation, done: `result` has the group', operationSchema),
        202: queued,
        ...problems(
          ...common,
          'operation_unknown',
          'invalid_json',
          'body_too_large',
          'unsupported_media_type',
          'invalid_body',
          'invalid_recipient',
          'invalid_group',
        ),
      },
    },
    handle: async (c, ctx) => {
      const body = await bodyOf(c, createGroupBody)
      const options = sendOptions(c)
      const input = { deviceId: pathParam(c, 'id'), ...body, ...options }
      return operationAnswer(c, await createGroup(ctx, input), options)
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/groups',
      operationId: 'listGroups',
      summary: 'The groups that the account is in, as WhatsApp has them now',
      tags,
      request: { params, headers: sendHeaders },
      responses: { 200: jsonAnswer('The groups', groupsSchema), 202: queued, ...problems(...common) },
    },
    handle: async (c, ctx) => {
      const options = sendOptions(c)
      const operation = await listGroups(ctx, { deviceId: pathParam(c, 'id'), ...options })
      return operationAnswer(c, operation, options, shownGroups)
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/groups/{group}',
      operationId: 'getGroup',
      summary: 'One group with its members, as WhatsApp has it now',
      tags,
      request: { params: groupParams, headers: sendHeaders },
      responses: {
        200: jsonAnswer('The group', groupSchema),
        202: queued,
        ...problems(...common, 'invalid_group'),
      },
    },
    handle: async (c, ctx) => {
      const options = sendOptions(c)
      const input = { deviceId: pathParam(c, 'id'), group: pathParam(c, 'group'), ...options }
      return operationAnswer(c, await getGroup(ctx, input), options, shownGroup)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/groups/{group}/leave',
      operationId: 'leaveGroup',
      summary: 'Leave a group',
      tags,
      request: { params: groupParams, headers: sendHeaders },
      responses: {
        200: jsonAnswer('The operation, done', operationSchema),
        202: queued,
        ...problems(...common, 'invalid_group'),
      },
    },
    handle: async (c, ctx) => {
      const options = sendOptions(c)
      const input = { deviceId: pathParam(c, 'id'), group: pathParam(c, 'group'), ...options }
      return operationAnswer(c, await leaveGroup(ctx, input), options, toOperation)
    },
  },
]
