import { z } from '@hono/zod-openapi'
import { checkNumbers } from '../../control/check-numbers.ts'
import type { Operation } from '../../domain/operation.ts'
import { bodyOf, pathParam } from '../input.ts'
import { operationAnswer } from '../operation-answer.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { checkedNumbersSchema, checkNumbersBody, toCheckedNumbers } from '../wire/numbers.ts'
import { operationSchema } from '../wire/operation.ts'
import { sendHeaders, sendOptions } from './messages.ts'

const shown = ({ result }: Operation): unknown =>
  toCheckedNumbers(result !== null && 'numbers' in result ? result.numbers : [])

export const numberRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/numbers/check',
      operationId: 'checkNumbers',
      summary: 'Ask WhatsApp which phone numbers it knows',
      description: 'WhatsApp takes it amiss when an account asks for many numbers that are not there.',
      tags: ['numbers'],
      request: {
        params: z.strictObject({ id: deviceIdSchema }),
        headers: sendHeaders,
        body: jsonBody(checkNumbersBody),
      },
      responses: {
        200: jsonAnswer('Each number that was asked for, once', checkedNumbersSchema),
        202: jsonAnswer('It is queued; its Location tells how it goes on', operationSchema),
        ...problems(
          'invalid_device_id',
          'invalid_idempotency_key',
          'invalid_json',
          'device_not_found',
          'device_not_linked',
          'idempotency_conflict',
          'operations_full',
          'body_too_large',
          'unsupported_media_type',
          'invalid_body',
          'invalid_phone',
          'operation_failed',
        ),
      },
    },
    handle: async (c, ctx) => {
      const { numbers } = await bodyOf(c, checkNumbersBody)
      const options = sendOptions(c)
      const operation = await checkNumbers(ctx, { deviceId: pathParam(c, 'id'), numbers, ...options })
      return operationAnswer(c, operation, options, shown)
    },
  },
]
