import { isIP } from 'node:net'

/** Is it a host name of this machine alone? IPv6 addresses may stand in brackets, as in URLs. */
export const isLoopback = (host: string): boolean => {
  const bare = host.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}
