import { z } from '@hono/zod-openapi'
import { deviceStatusSchema, reasonSchema } from '../device.ts'
import { isoSchema } from '../time.ts'
import { chatLid, type EventSpecs, type TypesOf, unchanged as notes } from './spec.ts'

export const deviceEvents: EventSpecs<TypesOf<'device'>> = {
  'device.status_changed': {
    notes,
    data: z.strictObject({
      status: deviceStatusSchema,
      previous: deviceStatusSchema.nullable(),
      reason: reasonSchema,
      detail: z.string().nullable().openapi({ description: 'What the reason means here, for people' }),
    }),
    example: { status: 'connected', previous: 'connecting', reason: 'opened', detail: 'logged in' },
  },
  'device.pacing_changed': {
    notes,
    data: z.strictObject({ preset: z.string().openapi({ description: 'As in the pacing of the device' }) }),
    example: { preset: 'careful' },
  },
  'device.qr_updated': {
    notes,
    data: z.strictObject({ expiresAt: isoSchema }),
    example: { expiresAt: '2025-11-16T02:18:25.000Z' },
  },
  'device.linked': {
    notes,
    data: z.strictObject({
      phone: z.string().openapi({ description: 'The JID of the account' }),
      lid: z.string().nullable(),
      pushName: z.string().nullable().openapi({ description: 'As the owner is called' }),
    }),
    example: { phone: '4915123456789@s.whatsapp.net', lid: chatLid, pushName: 'Olive' },
  },
  'device.unlinked': {
    notes,
    data: z.strictObject({ reason: z.string() }),
    example: { reason: 'logged_out' },
  },
  'device.restricted': {
    notes,
    data: z.strictObject({ until: isoSchema.nullable() }),
    example: { until: '2025-11-17T02:18:05.000Z' },
  },
}
