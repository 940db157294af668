import { z } from '@hono/zod-openapi'
import { type Operation, operationStates } from '../../domain/operation.ts'
import { deviceIdSchema } from './device.ts'
import { groupCreatedSchema, groupSchema, groupsSchema, toGroup, toGroupCreated, toGroups } from './group.ts'
import { checkedNumbersSchema, toCheckedNumbers } from './numbers.ts'
import { iso, isoSchema } from './time.ts'

export const operationSchema = z
  .strictObject({
    id: z.string().openapi({ example: 'op_01jdb2v9x4k7q2m5n8p3r6t9w1' }),
    device: deviceIdSchema,
    kind: z.string().openapi({ example: 'star' }),
    state: z.enum(operationStates).openapi({
      description:
        '`unknown`: it was begun, and nobody can say whether WhatsApp has done it; it is not tried again',
    }),
    input: z
      .record(z.string(), z.unknown())
      .openapi({ description: 'What was asked for', example: { messageId: 'msg_01jdb2v9', starred: true } }),
    result: z
      .union([groupCreatedSchema, z.strictObject({ group: groupSchema }), groupsSchema, checkedNumbersSchema])
      .nullable()
      .openapi({ description: 'What it came to; null where there is nothing to tell' }),
    error: z
      .strictObject({ code: z.string(), detail: z.string() })
      .nullable()
      .openapi({ description: 'Why it failed, or why the last attempt did' }),
    attempts: z.int(),
    createdAt: isoSchema,
    updatedAt: isoSchema,
  })
  .openapi('Operation')

const toResult = ({ result }: Operation): z.output<typeof operationSchema>['result'] => {
  if (result === null) return null
  if ('groups' in result) return toGroups(result.groups)
  if ('numbers' in result) return toCheckedNumbers(result.numbers)
  return 'invited' in result ? toGroupCreated(result) : { group: toGroup(result.group) }
}

export const toOperation = (operation: Operation): z.output<typeof operationSchema> => {
  const { kind, ...input } = operation.input
  return {
    id: operation.id,
    device: operation.deviceId,
    kind,
    state: operation.state,
    input,
    result: toResult(operation),
    error: operation.error === null ? null : { ...operation.error },
    attempts: operation.attempts,
    createdAt: iso(operation.createdAt),
    updatedAt: iso(operation.updatedAt),
  }
}
