import { z } from '@hono/zod-openapi'
import type { Now } from '../../domain/connection.ts'
import { type Lease, leaseEnd } from '../../domain/lease.ts'
import { iso, isoSchema } from './time.ts'

export const healthSchema = z.strictObject({ status: z.literal('ok') }).openapi('Health')

export const readySchema = z
  .strictObject({
    status: z.literal('ready'),
    store: z.literal('ok'),
    connector: z
      .strictObject({ owner: z.string(), epoch: z.int(), expiresAt: isoSchema })
      .nullable()
      .openapi({ description: 'Who holds the connector lease; null while no connector runs' }),
  })
  .openapi('Ready')

export const toReady = (seat: Lease | null, now: Now): z.output<typeof readySchema> => ({
  status: 'ready',
  store: 'ok',
  connector:
    seat === null ? null : { owner: seat.owner, epoch: seat.epoch, expiresAt: iso(leaseEnd(seat, now)) },
})
