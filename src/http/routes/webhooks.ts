import { z } from '@hono/zod-openapi'
import {
  changeWebhook,
  pauseWebhook,
  removeWebhook,
  resumeWebhook,
  rotateWebhookSecret,
} from '../../control/webhooks/change-webhook.ts'
import { createWebhook } from '../../control/webhooks/create-webhook.ts'
import { getWebhook, listWebhooks } from '../../control/webhooks/get-webhook.ts'
import { testWebhook } from '../../control/webhooks/test-webhook.ts'
import { bodyOf, defined, optionalBodyOf, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { testedSchema, toTested } from '../wire/delivery.ts'
import {
  changeWebhookBody,
  countedWebhookSchema,
  createWebhookBody,
  resumedWebhookSchema,
  rotateSecretBody,
  toCountedWebhook,
  toResumed,
  toWebhook,
  toWebhookWithSecret,
  webhookSchema,
  webhooksSchema,
  webhookWithSecretSchema,
} from '../wire/webhook.ts'

const tags = ['webhooks']
const params = z.strictObject({ id: z.string() })
const listQuery = z.strictObject({
  device: z.string().min(1).optional().openapi({ description: 'Those alone that name this device' }),
})
const bodyProblems = ['invalid_json', 'body_too_large', 'unsupported_media_type', 'invalid_body'] as const

export const webhookRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/webhooks',
      operationId: 'createWebhook',
      summary: 'Have events sent to a URL',
      description:
        'All that happen from now on, as far as `events`, `devices`, `chats` and the like let them pass. They are signed as Standard Webhooks 1.0 with `secret`, which is shown here and when it is rotated. What came before can be replayed.',
      tags,
      request: { body: jsonBody(createWebhookBody) },
      responses: {
        201: jsonAnswer('The webhook, with its secret', webhookWithSecretSchema),
        ...problems(...bodyProblems, 'invalid_webhook', 'webhooks_full'),
      },
    },
    handle: async (c, ctx) => {
      const { url, ...settings } = await bodyOf(c, createWebhookBody)
      const endpoint = await createWebhook(ctx, { url, ...defined(settings) })
      return replyJson(c, toWebhookWithSecret(endpoint), {
        status: 201,
        headers: { Location: `/api/webhooks/${endpoint.id}` },
      })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/webhooks',
      operationId: 'listWebhooks',
      summary: 'All webhooks, oldest first',
      tags,
      request: { query: listQuery },
      responses: {
        200: jsonAnswer('The webhooks', webhooksSchema),
        ...problems('invalid_query', 'invalid_device_id'),
      },
    },
    handle: async (c, ctx) => {
      const endpoints = await listWebhooks(ctx, defined(queryOf(c, listQuery)))
      return replyJson(c, { webhooks: endpoints.map(toWebhook) })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/webhooks/{id}',
      operationId: 'getWebhook',
      summary: 'A webhook, how it is, and how many of its deliveries have come how far',
      tags,
      request: { params },
      responses: { 200: jsonAnswer('The webhook', countedWebhookSchema), ...problems('webhook_not_found') },
    },
    handle: async (c, ctx) =>
      replyJson(c, toCountedWebhook(await getWebhook(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'patch',
      path: '/api/webhooks/{id}',
      operationId: 'changeWebhook',
      summary: 'Set a webhook up anew',
      description:
        'What is not given stays. What waits already is sent as the webhook is set up then, but for its filters: they are for what comes.',
      tags,
      request: { params, body: jsonBody(changeWebhookBody) },
      responses: {
        200: jsonAnswer('The webhook as it is now', webhookSchema),
        ...problems(...bodyProblems, 'webhook_not_found', 'invalid_webhook'),
      },
    },
    handle: async (c, ctx) => {
      const settings = defined(await bodyOf(c, changeWebhookBody))
      return replyJson(c, toWebhook(await changeWebhook(ctx, { id: pathParam(c, 'id'), settings })))
    },
  },
  {
    doc: {
      method: 'delete',
      path: '/api/webhooks/{id}',
      operationId: 'removeWebhook',
      summary: 'Remove a webhook',
      description: 'What waits for it is cancelled. What is being sent at this moment may arrive.',
      tags,
      request: { params },
      responses: { 200: jsonAnswer('The webhook, removed', webhookSchema), ...problems('webhook_not_found') },
    },
    handle: async (c, ctx) => replyJson(c, toWebhook(await removeWebhook(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/pause',
      operationId: 'pauseWebhook',
      summary: 'Send nothing to a webhook for a while',
      description: 'What comes waits for its resumption. One that is disabled stays so.',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The webhook as it is now', webhookSchema),
        ...problems('webhook_not_found'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toWebhook(await pauseWebhook(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/resume',
      operationId: 'resumeWebhook',
      summary: 'Have a webhook that is paused or disabled go on',
      description:
        'What waits is tried soon. While it was disabled nothing was kept for it: `missed` is what to replay, if it is still wanted.',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('The webhook as it is now', resumedWebhookSchema),
        ...problems('webhook_not_found'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toResumed(await resumeWebhook(ctx, { id: pathParam(c, 'id') }))),
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/rotate-secret',
      operationId: 'rotateWebhookSecret',
      summary: 'Give a webhook a new secret',
      description: 'For a while both sign, so that the receiver can be changed without losing a request.',
      tags,
      request: { params, body: jsonBody(rotateSecretBody, false) },
      responses: {
        200: jsonAnswer('The webhook, with its new secret', webhookWithSecretSchema),
        ...problems(...bodyProblems, 'webhook_not_found', 'invalid_webhook'),
      },
    },
    handle: async (c, ctx) => {
      const { keepPreviousFor: keepPreviousSeconds } = await optionalBodyOf(c, rotateSecretBody)
      const endpoint = await rotateWebhookSecret(ctx, { id: pathParam(c, 'id'), keepPreviousSeconds })
      return replyJson(c, toWebhookWithSecret(endpoint))
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/webhooks/{id}/test',
      operationId: 'testWebhook',
      summary: 'Send an event `webhook.tested` to a webhook, and see what comes of it',
      description:
        '200 once it was tried, whether the endpoint took it or not: `attempt` says. 202 when nobody has tried it within 20 s. It works for one that is paused or disabled too.',
      tags,
      request: { params },
      responses: {
        200: jsonAnswer('How the first attempt went', testedSchema),
        202: jsonAnswer('It waits still; its Location tells how it goes on', testedSchema),
        ...problems('webhook_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const id = pathParam(c, 'id')
      const tested = await testWebhook(ctx, { id })
      return tested.attempt === null
        ? replyJson(c, toTested(tested), {
            status: 202,
            headers: { Location: `/api/webhooks/${id}/deliveries/${tested.delivery.id}` },
          })
        : replyJson(c, toTested(tested))
    },
  },
]
