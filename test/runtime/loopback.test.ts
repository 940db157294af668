import { describe, expect, it } from 'vitest'
import { isLoopback } from '../../src/runtime/loopback.ts'

describe('a host name', () => {
  it.each(['localhost', '127.0.0.1', '127.255.255.254', '::1', '[::1]'])('%s is of this machine', (host) => {
    expect(isLoopback(host)).toBe(true)
  })
  it.each([
    '',
    '0.0.0.0',
    '::',
    '127.0.0.1.example.com',
    '127.example.com',
    'localhost.',
    '10.0.0.1',
    '::2',
    '127.0.0',
  ])('%j is not known to be of this machine', (host) => {
    expect(isLoopback(host)).toBe(false)
  })
})
