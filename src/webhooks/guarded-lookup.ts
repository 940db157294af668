/**
 * Connections to the URL of somebody else go to addresses that the guard allows, and to no other: a name is looked up once for
 * each connection, all its addresses are checked, and those very addresses are connected to.
 */
import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressGuard } from '../media/addresses.ts'

class RefusedAddressError extends Error {
  override readonly name = 'RefusedAddressError'
  readonly code = 'refused_address'
  constructor(host: string) {
    super(
      `${host} is not on the public internet; the operator of the gateway can allow it by WEBHOOK_URL_ALLOW`,
    )
  }
}

interface Address {
  readonly address: string
  readonly family: number
}

/** All addresses of a name. The system's own, or a test's. */
export type Resolve = (
  host: string,
  done: (error: NodeJS.ErrnoException | null, addresses: readonly Address[]) => void,
) => void

export const resolveBySystem: Resolve = (host, done) => lookup(host, { all: true, order: 'verbatim' }, done)

/** Without the dot that a full name may end in. */
const bareName = (host: string): string => host.toLowerCase().replace(/\.$/, '')

/** For `lookup` of a connection. It is not called for a host that is an address itself: see `checkLiteral`. */
export const guardedLookup =
  (guard: AddressGuard, resolve: Resolve): LookupFunction =>
  (name, options, callback) => {
    const host = bareName(name)
    resolve(host, (error, addresses) => {
      const [address] = addresses ?? []
      if (error !== null) callback(error, '')
      else if (address === undefined) {
        callback(Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' }), '')
      } else if (!addresses.every((each) => guard.allows(host, each.address))) {
        callback(new RefusedAddressError(host), '')
      } else if (options.all === true) callback(null, [...addresses])
      else callback(null, address.address, address.family)
    })
  }

/** Throws RefusedAddressError for a host that is an address, in whatever notation, which the guard does not allow. */
export const checkLiteral = (url: URL, guard: AddressGuard): void => {
  // The URL parser has brought decimal, hex and octal ones into their usual form.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0 && !guard.allows(host, host)) throw new RefusedAddressError(host)
}
