import { existing, type Device } from '../domain/device.ts'
import { GatewayError } from '../domain/errors.ts'

/** The account that a message leaves from. Refuses a device that has none: nothing would ever send its queue. */
export const linkedAccount = (device: Device | undefined, id: string): NonNullable<Device['account']> => {
  const { account, reason } = existing(device, id)
  if (account === null || reason === 'logged_out') {
    throw new GatewayError(
      'device_not_linked',
      `device ${id} is not linked to a WhatsApp account; POST /api/devices/${id}/start, then scan the QR code of GET /api/devices/${id}/status with the phone`,
    )
  }
  return account
}
