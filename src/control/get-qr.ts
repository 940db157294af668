import { type Qr } from '../domain/device.ts'
import { shownStatus, type ShownStatus } from '../domain/shown-status.ts'
import { GatewayError } from '../domain/errors.ts'
import { readClock } from '../runtime/clock.ts'
import type { ControlContext } from './context.ts'
import { getDevice } from './get-device.ts'

const whyNone = ({ status, reason }: ShownStatus, id: string): string => {
  switch (status) {
    case 'connected':
    case 'reconnecting':
      return `device ${id} is linked already, so it has no QR code`
    case 'disconnected':
      return `device ${id} is disconnected (${reason ?? 'no reason known'}); POST /api/devices/${id}/start brings a new QR code`
    case 'starting':
    case 'connecting':
    case 'waiting_for_scan':
      return reason === 'connector_away'
        ? `device ${id} has no QR code while the connector is away`
        : `device ${id} has no QR code yet; ask again in a second or two`
  }
}

/** The QR code to scan now. Refuses when the device shows none, and says what to do. */
export const getQr = async (ctx: ControlContext, input: { id: string }): Promise<Qr> => {
  const shown = shownStatus(await getDevice(ctx, input), readClock(ctx.clock))
  if (shown.qr === null) throw new GatewayError('qr_not_available', whyNone(shown, input.id))
  return shown.qr
}
