/**
 * Which addresses a URL of somebody else may lead us to: those of the public internet, after the IANA registries of special-
 * purpose addresses (RFC 6890 and those that came later), and what the operator has allowed.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'

type Subnet = readonly [address: string, prefix: number]

const special4: readonly Subnet[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]

/**
 * All that is global unicast. What is not is refused, and so without being named: loopback, link-local, unique local,
 * multicast, and what has an IPv4 address in it (mapped, compatible, NAT64).
 */
const global6: Subnet = ['2000::', 3]

/** Of that, what is something else: IETF protocols with Teredo, documentation, 6to4, AS112. */
const special6: readonly Subnet[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
]

const listOf = (subnets: readonly Subnet[]): BlockList => {
  const list = new BlockList()
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
  return list
}
const refused4 = listOf(special4)
const refused6 = listOf(special6)
const public6 = listOf([global6])

/** Whether an IP address is one of the public internet; false for what is no address. */
export const isPublicAddress = (address: string): boolean => {
  switch (isIP(address)) {
    case 4:
      return !refused4.check(address, 'ipv4')
    case 6:
      return public6.check(address, 'ipv6') && !refused6.check(address, 'ipv6')
    default:
      return false
  }
}

export interface AddressGuard {
  /** Whether a host of this name may be asked at this address. Names are in lower case, addresses without brackets. */
  allows(host: string, address: string): boolean
}

/** `allowed`: addresses, networks (`10.1.0.0/16`) and host names (any address of theirs) beside the public internet. */
export const createAddressGuard = (allowed: readonly string[]): AddressGuard => {
  const names = new Set<string>()
  const addresses = new BlockList()
  for (const entry of allowed) {
    const [address = '', prefix] = entry.split('/')
    const version = isIP(address)
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (version === 0) names.add(entry.toLowerCase())
    else if (prefix === undefined) addresses.addAddress(address, family)
    else addresses.addSubnet(address, Number(prefix), family)
  }
  return {
    allows: (host, address) =>
      isPublicAddress(address) ||
      names.has(host) ||
      addresses.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
  }
}
