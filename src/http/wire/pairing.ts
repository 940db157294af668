import { z } from '@hono/zod-openapi'
import { deviceIdSchema } from './device.ts'

/** An `<img>` may append a parameter of its own to get past a cache: others are ignored. */
export const qrQuery = z.object({
  format: z.enum(['png', 'svg', 'text', 'terminal']).optional().openapi({
    description:
      '`text` is what the picture says, `terminal` is drawn in half blocks; without it the Accept header decides, and PNG else',
  }),
})

export const pairingCodeBody = z
  .strictObject({
    phone: z.string().openapi({
      description: 'The full international number of the phone that will link the device',
      example: '+49 151 23456789',
    }),
  })
  .openapi('PairingCodeRequest')

export const pairingCodeSchema = z
  .strictObject({
    device: deviceIdSchema,
    phone: z.string().openapi({ description: 'Digits' }),
    code: z.string().openapi({
      description: 'To be typed on the phone: Linked devices, Link with phone number',
      example: 'ABCD1234',
    }),
  })
  .openapi('PairingCode')
