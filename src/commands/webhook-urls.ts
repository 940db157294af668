import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import { type AddressGuard, createAddressGuard } from '../media/addresses.ts'
import { isLoopback } from '../runtime/loopback.ts'

/** Whoever can reach a gateway that only listens here is on this machine already. */
const loopback = ['127.0.0.0/8', '::1']

/** The addresses that a host stands for without asking anybody; none for a name that must be looked up. */
const addressesOf = (host: string): readonly string[] => {
  if (isIP(host) !== 0) return [host]
  return /^(?:.+\.)?localhost\.?$/.test(host) ? ['127.0.0.1', '::1'] : []
}

/** Where events may be sent. */
export const createWebhookGuard = ({
  host,
  webhooks: { urlAllow },
}: Pick<Config, 'host' | 'webhooks'>): AddressGuard =>
  createAddressGuard([...urlAllow, ...(isLoopback(host) ? loopback : [])])

/** Why events can never be sent to a URL; undefined when that shows only when they are. */
export const createWebhookUrlProblem = (
  config: Pick<Config, 'host' | 'webhooks'>,
): ((url: string) => string | undefined) => {
  const guard = createWebhookGuard(config)
  return (url) => {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
    const addresses = addressesOf(host)
    return addresses.length === 0 || addresses.some((address) => guard.allows(host, address))
      ? undefined
      : `${host} is not on the public internet; the operator of the gateway can allow it by WEBHOOK_URL_ALLOW`
  }
}
