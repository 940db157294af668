/** Events about work: what devices are asked to do, bulks, files, and where events are sent. */
import { z } from '@hono/zod-openapi'
import { errorSchema, type EventSpecs, type TypesOf, unchanged as notes } from './spec.ts'

const operationData = z.strictObject({
  operationId: z.string(),
  kind: z.string().openapi({ description: 'As in the operation' }),
  error: errorSchema.nullable(),
})
const operation = { operationId: 'op_01jdb2v9x4k7q2m5n8p3r6t9w1', kind: 'star', error: null } as const

export const operationEvents: EventSpecs<TypesOf<'operation'>> = {
  'operation.queued': { notes, data: operationData, example: operation },
  'operation.done': { notes, data: operationData, example: operation },
  'operation.failed': {
    notes,
    data: operationData,
    example: { ...operation, error: { code: 'expired', detail: 'the device was not connected in time' } },
  },
  'operation.unknown': {
    notes,
    data: operationData,
    example: {
      ...operation,
      kind: 'group_create',
      error: { code: 'no_answer', detail: 'the connection broke before the answer came' },
    },
  },
}

const bulkData = z.strictObject({
  bulkId: z.string(),
  total: z.int().openapi({ description: 'How many recipients it has' }),
})
const bulk = { notes, data: bulkData, example: { bulkId: 'blk_01jdb2v9x4k7q2m5n8p3r6t9w1', total: 250 } }

export const bulkEvents: EventSpecs<TypesOf<'bulk'>> = {
  'bulk.created': bulk,
  'bulk.paused': bulk,
  'bulk.resumed': bulk,
  'bulk.cancelled': bulk,
  'bulk.finished': bulk,
}

const fileShape = {
  mediaId: z.string(),
  ofMessage: z.string().nullable().openapi({ description: 'The id of the message that it came with' }),
}
const fileData = z.strictObject({
  ...fileShape,
  code: z.string().optional().openapi({ description: 'What went wrong, if anything did' }),
  detail: z.string().optional(),
})
const file = { mediaId: 'med_01jdb2v9x4k7q2m5n8p3r6t9w1', ofMessage: 'msg_01jdb2v9x4k7q2m5n8p3r6t9w1' }

export const mediaEvents: EventSpecs<TypesOf<'media'>> = {
  'media.waiting': { notes, data: fileData, example: file },
  'media.stored': { notes, data: fileData, example: file },
  'media.failed': {
    notes,
    data: fileData,
    example: { ...file, code: 'gone', detail: 'WhatsApp has the file no more, and the phone neither' },
  },
  'media.removed': { notes, data: fileData, example: file },
}

export const webhookEvents: EventSpecs<TypesOf<'webhook'>> = {
  'webhook.endpoint_disabled': {
    notes,
    data: z.strictObject({ endpointId: z.string(), url: z.string(), reason: z.string() }),
    example: {
      endpointId: 'whk_01jdb2v9x4k7q2m5n8p3r6t9w1',
      url: 'https://example.com/hook',
      reason: 'every attempt has failed for 5 days',
    },
  },
  'webhook.tested': {
    notes,
    data: z.strictObject({ endpointId: z.string() }),
    example: { endpointId: 'whk_01jdb2v9x4k7q2m5n8p3r6t9w1' },
  },
}
