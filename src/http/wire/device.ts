import { z } from '@hono/zod-openapi'
import type { Now } from '../../domain/connection.ts'
import { deviceIdPattern, deviceIdRule, deviceStatuses } from '../../domain/device.ts'
import { reasonText } from '../../domain/disconnect.ts'
import { shownStatus, type DeviceView } from '../../domain/shown-status.ts'
import { isLive, leaseEnd } from '../../domain/lease.ts'
import type { HistoryPage } from '../../control/device-history.ts'
import { phoneDigits } from '../../domain/jid.ts'
import type { StartedWithWebhook } from '../../control/webhooks/start-with-webhook.ts'
import { nextCursorSchema, pageQuery } from './page.ts'
import { iso, isoOrNull, isoSchema } from './time.ts'
import { startWebhookBody } from './webhook.ts'

export const deviceIdSchema = z
  .string()
  .regex(deviceIdPattern)
  .openapi({ description: deviceIdRule, example: 'myphone' })

export const deviceStatusSchema = z.enum(deviceStatuses).openapi('DeviceStatus')

export const reasonSchema = z
  .string()
  .nullable()
  .openapi({ description: 'Why the device is in its status, as a word for programs', example: 'qr_shown' })

export const statusSchema = z
  .strictObject({
    status: deviceStatusSchema,
    qrCode: z
      .string()
      .startsWith('data:image/png;base64,')
      .nullable()
      .openapi({ description: 'A PNG as a data URL while `waiting_for_scan`, else null' }),
    lastUpdate: isoSchema,
  })
  .openapi('Status')

export const toStatus = (view: DeviceView, now: Now): z.output<typeof statusSchema> => {
  const { status, qr, at } = shownStatus(view, now)
  return { status, qrCode: qr?.dataUrl ?? null, lastUpdate: iso(at) }
}

export const devicesSchema = z.record(deviceIdSchema, statusSchema).openapi('Devices')

/** `Object.fromEntries` makes an own member even of an id like `__proto__`. */
export const toDevices = (views: readonly DeviceView[], now: Now): z.output<typeof devicesSchema> =>
  Object.fromEntries(views.map((view) => [view.device.id, toStatus(view, now)]))

export const deviceSchema = z
  .strictObject({
    id: deviceIdSchema,
    status: deviceStatusSchema,
    reason: reasonSchema,
    detail: z.string().nullable().openapi({ description: 'What the reason means here, for people' }),
    desired: z.enum(['running', 'stopped', 'removed']),
    generation: z.int().openapi({ description: 'Grows with every request to start, stop or restart' }),
    phone: z.string().nullable().openapi({ description: 'Digits', example: '1234567890' }),
    lid: z.string().nullable().openapi({ example: '246813579012345@lid' }),
    pushName: z.string().nullable(),
    qrExpiresAt: isoSchema.nullable(),
    pairedAt: isoSchema.nullable(),
    lastConnectedAt: isoSchema.nullable(),
    restrictedUntil: isoSchema
      .nullable()
      .openapi({ description: 'Until then WhatsApp lets the account open no new chats' }),
    startedAt: isoSchema,
    createdAt: isoSchema,
    updatedAt: isoSchema,
    lastUpdate: isoSchema,
    lease: z
      .strictObject({ owner: z.string(), epoch: z.int(), expiresAt: isoSchema })
      .nullable()
      .openapi({ description: 'The connector that acts for the device now; null when none does' }),
  })
  .openapi('Device')

export const toDevice = (view: DeviceView, now: Now): z.output<typeof deviceSchema> => {
  const { device, lease } = view
  const { status, reason, qr, at } = shownStatus(view, now)
  return {
    id: device.id,
    status,
    reason,
    detail: reason === 'connector_away' ? reasonText.connector_away : device.detail,
    desired: device.desired,
    generation: device.generation,
    phone: phoneDigits(device.account?.pn ?? null),
    lid: device.account?.lid ?? null,
    pushName: device.account?.pushName ?? null,
    qrExpiresAt: isoOrNull(qr?.expiresAt ?? null),
    pairedAt: isoOrNull(device.pairedAt),
    lastConnectedAt: isoOrNull(device.lastConnectedAt),
    restrictedUntil: isoOrNull(device.restrictedUntil),
    startedAt: iso(device.startedAt),
    createdAt: iso(device.createdAt),
    updatedAt: iso(device.updatedAt),
    lastUpdate: iso(at),
    lease:
      lease !== null && isLive(lease, now.mono)
        ? { owner: lease.owner, epoch: lease.epoch, expiresAt: iso(leaseEnd(lease, now)) }
        : null,
  }
}

/** What a verb on a device answers: the status that it leads to. */
export const deviceVerbSchema = z
  .strictObject({ status: z.enum(['starting', 'disconnected']), device: deviceIdSchema })
  .openapi('DeviceVerb')

export const startBody = z
  .strictObject({ webhook: startWebhookBody.optional() })
  .openapi('StartRequest', { example: { webhook: { url: 'https://example.com/whatsapp' } } })

export const startedSchema = z
  .strictObject({
    ...deviceVerbSchema.shape,
    webhook: z.strictObject({ id: z.string(), secret: z.string().optional() }).optional().openapi({
      description: 'Where its events are sent, when that was asked for; `secret` when it is new',
    }),
  })
  .openapi('Started')

/** The guide's words, with the webhook beside them. */
export const toStarted = (id: string, started?: StartedWithWebhook): z.output<typeof startedSchema> => ({
  status: 'starting',
  device: id,
  ...(started === undefined
    ? {}
    : {
        webhook: {
          id: started.endpoint.id,
          ...(started.isNew ? { secret: started.endpoint.secret } : {}),
        },
      }),
})

export const removedSchema = z
  .strictObject({ status: z.literal('removed'), device: deviceIdSchema, message: z.string() })
  .openapi('Removed')

/** The guide's words. */
export const toRemoved = (id: string): z.output<typeof removedSchema> => ({
  status: 'removed',
  device: id,
  message: `Device ${id} and all associated session files have been removed.`,
})

export const historyQuery = z.strictObject(pageQuery)

export const historySchema = z
  .strictObject({
    history: z.array(
      z.strictObject({
        at: isoSchema,
        status: deviceStatusSchema,
        previous: deviceStatusSchema.nullable(),
        reason: reasonSchema,
        detail: z.string().nullable(),
      }),
    ),
    nextCursor: nextCursorSchema,
  })
  .openapi('History')

export const toHistory = ({ items, nextCursor }: HistoryPage): z.output<typeof historySchema> => ({
  history: items.map(({ at, status, previous, reason, detail }) => ({
    at: iso(at),
    status,
    previous,
    reason,
    detail,
  })),
  nextCursor,
})
