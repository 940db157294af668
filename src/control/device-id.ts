import { deviceIdPattern, deviceIdRule } from '../domain/device.ts'
import { GatewayError } from '../domain/errors.ts'

/** Refuses, with the rule in words, what can never be a device id. */
export const checkDeviceId = (id: string): string => {
  if (!deviceIdPattern.test(id)) throw new GatewayError('invalid_device_id', deviceIdRule)
  return id
}
