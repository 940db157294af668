import { assert, ipV4, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAddressGuard, isPublicAddress } from '../../src/media/addresses.ts'

const refused: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.255.255.255'],
  private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
  'shared address space': ['100.64.0.1', '100.127.255.255'],
  loopback: ['127.0.0.1', '127.255.255.255', '::1'],
  'link-local': ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
  'protocol assignments': ['192.0.0.8', '2001::1', '2001:1ff::1'],
  documentation: ['192.0.2.1', '198.51.100.7', '203.0.113.255', '2001:db8::1', '3fff::1'],
  'AS112 and AMT': ['192.31.196.1', '192.52.193.1', '192.175.48.1', '2620:4f:8000::1'],
  '6to4': ['192.88.99.1', '2002:7f00:1::1', '2002:808:808::1'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  reserved: ['240.0.0.1', '255.255.255.255', '4000::1', 'e000::1'],
  unspecified: ['::'],
  'mapped IPv4': ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1'],
  'compatible IPv4': ['::127.0.0.1', '::808:808'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::1'],
  'discard only': ['100::1'],
  'segment routing': ['5f00::1'],
  'unique local': ['fc00::1', 'fdff::1'],
  'site-local': ['fec0::1'],
}

describe('what is not on the public internet', () => {
  it.each(Object.entries(refused))('is refused: %s', (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([])
  })

  it('is every IPv4 address within an IPv6 one', () => {
    assert(
      property(ipV4(), (address) => {
        for (const prefix of ['::ffff:', '::', '64:ff9b::', '64:ff9b:1::'])
          expect(isPublicAddress(`${prefix}${address}`)).toBe(false)
      }),
    )
  })

  it.each(['', 'example.com', '1.2.3', '8.8.8.8:80', '[2606:4700::1]'])(
    'is what is no address: %j',
    (text) => {
      expect(isPublicAddress(text)).toBe(false)
    },
  )
})

it('what is on the public internet is allowed, up to the borders', () => {
  const v4 =
    '1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255'
  const v6 = '2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001::1 2001:200::1 3ffe::1'
  const allowed = `${v4} ${v6}`.split(' ')
  expect(allowed.filter((address) => !isPublicAddress(address))).toEqual([])
})

describe('the operator', () => {
  const guard = createAddressGuard(['127.0.0.1', '10.1.0.0/16', 'fd00::/8', 'files.internal'])

  it.each([
    ['an address', 'anything.example', '127.0.0.1', true],
    ['no other address', 'anything.example', '127.0.0.2', false],
    ['a network', 'anything.example', '10.1.255.3', true],
    ['no other network', 'anything.example', '10.2.0.1', false],
    ['a network of IPv6', 'anything.example', 'fd12::1', true],
    ['a name, wherever it leads', 'files.internal', '192.168.1.1', true],
    ['no name below it', 'a.files.internal', '192.168.1.1', false],
    ['nothing beyond the public internet otherwise', 'example.com', '93.184.216.34', true],
  ])('may allow %s', (_, host, address, allowed) => {
    expect(guard.allows(host, address)).toBe(allowed)
  })
})
