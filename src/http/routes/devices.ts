import { z } from '@hono/zod-openapi'
import { deviceHistory } from '../../control/device-history.ts'
import { getDevice } from '../../control/get-device.ts'
import { listDevices } from '../../control/list-devices.ts'
import { removeDevice } from '../../control/remove-device.ts'
import { restartDevice } from '../../control/restart-device.ts'
import { startDevice } from '../../control/start-device.ts'
import { stopDevice } from '../../control/stop-device.ts'
import { startWithWebhook } from '../../control/webhooks/start-with-webhook.ts'
import { readClock } from '../../runtime/clock.ts'
import { defined, noBodyOf, optionalBodyOf, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import {
  deviceIdSchema,
  deviceSchema,
  deviceVerbSchema,
  devicesSchema,
  historyQuery,
  historySchema,
  removedSchema,
  startBody,
  startedSchema,
  statusSchema,
  toDevice,
  toDevices,
  toHistory,
  toRemoved,
  toStarted,
  toStatus,
} from '../wire/device.ts'
import { pageInput } from '../wire/page.ts'

const tags = ['devices']
const params = z.strictObject({ id: deviceIdSchema })
const noBody = z.strictObject({})
const bodyProblems = ['invalid_json', 'body_too_large', 'unsupported_media_type', 'invalid_body'] as const

const verb = (
  name: 'stop' | 'restart',
  summary: string,
  status: 'starting' | 'disconnected',
  run: typeof stopDevice,
): Route => ({
  doc: {
    method: 'post',
    path: `/api/devices/{id}/${name}`,
    operationId: `${name}Device`,
    summary,
    tags,
    request: { params, body: jsonBody(noBody, false) },
    responses: {
      200: jsonAnswer('The request is on record', deviceVerbSchema),
      ...problems('invalid_device_id', 'device_not_found', ...bodyProblems),
    },
  },
  handle: async (c, ctx) => {
    await noBodyOf(c, noBody)
    const { device } = await run(ctx, { id: pathParam(c, 'id') })
    return replyJson(c, { status, device: device.id })
  },
})

export const deviceRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/start',
      operationId: 'startDevice',
      summary: 'Start a device; makes it when it is new',
      description:
        'With a `webhook` its events are sent there, from the first one on. When they are already, there is no second one, and no secret in the answer.',
      tags,
      request: { params, body: jsonBody(startBody, false) },
      responses: {
        200: jsonAnswer('The request is on record', startedSchema),
        ...problems('invalid_device_id', ...bodyProblems, 'invalid_webhook', 'webhooks_full'),
      },
    },
    handle: async (c, ctx) => {
      const id = pathParam(c, 'id')
      const { webhook } = await optionalBodyOf(c, startBody)
      if (webhook === undefined) {
        await startDevice(ctx, { id })
        return replyJson(c, toStarted(id))
      }
      const { url, ...settings } = webhook
      const started = await startWithWebhook(ctx, { id, webhook: { url, ...defined(settings) } })
      return replyJson(c, toStarted(id, started))
    },
  },
  verb('stop', 'Close the connection of a device and keep its credentials', 'disconnected', stopDevice),
  verb('restart', 'Give a device a new connection on its credentials', 'starting', restartDevice),
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/status',
      operationId: 'getStatus',
      summary: 'The status of a device, and its QR code while it waits to be scanned',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The status', statusSchema),
        ...problems('invalid_device_id', 'device_not_found'),
      },
    },
    handle: async (c, ctx) =>
      replyJson(c, toStatus(await getDevice(ctx, { id: pathParam(c, 'id') }), readClock(ctx.clock))),
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices',
      operationId: 'listDevices',
      summary: 'The status of every device, by id',
      tags,
      responses: { 200: jsonAnswer('A map from id to status', devicesSchema), ...problems() },
    },
    handle: async (c, ctx) => replyJson(c, toDevices(await listDevices(ctx), readClock(ctx.clock))),
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}',
      operationId: 'getDevice',
      summary: 'The full record of a device',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The record', deviceSchema),
        ...problems('invalid_device_id', 'device_not_found'),
      },
    },
    handle: async (c, ctx) =>
      replyJson(c, toDevice(await getDevice(ctx, { id: pathParam(c, 'id') }), readClock(ctx.clock))),
  },
  {
    doc: {
      method: 'delete',
      path: '/api/devices/{id}',
      operationId: 'removeDevice',
      summary: 'Unlink a device at WhatsApp and wipe its credentials',
      description:
        'Waits a bounded time for the connector to have done so. While the connector or WhatsApp is away the removal is on record and carried out later. History and messages stay readable.',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The device is gone', removedSchema),
        ...problems('invalid_device_id', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const id = pathParam(c, 'id')
      await removeDevice(ctx, { id })
      return replyJson(c, toRemoved(id))
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/history',
      operationId: 'getHistory',
      summary: 'Every change of status of a device, newest first',
      description: 'Of a removed device too.',
      tags,
      request: { params, query: historyQuery },
      responses: {
        200: jsonAnswer('A page of changes', historySchema),
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const page = pageInput(queryOf(c, historyQuery))
      return replyJson(c, toHistory(await deviceHistory(ctx, { id: pathParam(c, 'id'), ...page })))
    },
  },
]
