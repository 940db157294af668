import { requestPairingCode as request, type Device } from '../domain/device.ts'
import { GatewayError } from '../domain/errors.ts'
import { parsePhoneNumber } from '../domain/jid.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'

export type PairingCodeAnswer =
  /** `phone` is digits; `code` is to be typed on that phone. */
  | { readonly kind: 'code'; readonly phone: string; readonly code: string }
  /** No word from the connector in time; the request stands. */
  | { readonly kind: 'pending' }

const refused = (detail: string): GatewayError => new GatewayError('pairing_code_unavailable', detail)

const answerOf = (device: Device | undefined, id: string, phone: string): PairingCodeAnswer | undefined => {
  const pairing = device?.pairingCode ?? null
  if (pairing === null) throw refused(`the attempt to link device ${id} ended before there was a code`)
  if (pairing.phone !== phone)
    throw refused(`a code for device ${id} was asked for with another number since`)
  if (pairing.error !== null) throw refused(pairing.error)
  return pairing.code === null ? undefined : { kind: 'code', phone, code: pairing.code }
}

/** Asks for a code to link a device by its phone's number, and waits `pairingCodeWaitMs` for it. */
export const requestPairingCode = async (
  ctx: ControlContext,
  input: { id: string; phone: string },
): Promise<PairingCodeAnswer> => {
  const { store, clock, origin, waits, watcher } = ctx
  const id = checkDeviceId(input.id)
  const phone = parsePhoneNumber(input.phone)
  if (phone === undefined) {
    throw new GatewayError(
      'invalid_phone',
      'phone must be a full international number of 7 to 15 digits, such as +49 151 23456789',
    )
  }
  await store.devices.decide(id, (before) => request(before, id, phone, origin, clock.now()))
  const answer = await watcher.until(
    `device/${id}`,
    async () => answerOf((await store.devices.get(id))?.device, id, phone),
    waits.pairingCodeWaitMs,
  )
  return answer ?? { kind: 'pending' }
}
