import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { requestHeaders } from '../../src/webhooks/headers.ts'
import { signedHeaders } from '../../src/webhooks/sign.ts'
import { endpointOf } from '../store/conformance/webhook-fixtures.ts'
import { otherSecret, secret } from './samples.ts'

const body = JSON.stringify({ text: 'Grüße, 你好 🎉' })
const now = Date.now()
const day = 24 * 60 * 60 * 1_000

const sign = (more: Parameters<typeof endpointOf>[1] = {}, at = now): Record<string, string> => ({
  ...signedHeaders(endpointOf('whk_1', { secret, ...more }), 'evt_1', body, at),
})
const verify = (by: string, headers: Record<string, string>, text = body): unknown =>
  new Webhook(by).verify(text, headers)

describe('a signature', () => {
  it('is accepted by the library of the standard', () => {
    expect(verify(secret, sign())).toEqual(JSON.parse(body))
    expect(sign()).toMatchObject({
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(now / 1_000)),
    })
  })

  it('holds for no other body, id, secret or time', () => {
    const headers = sign()
    expect(() => verify(secret, headers, `${body} `)).toThrow('No matching signature')
    expect(() => verify(secret, { ...headers, 'webhook-id': 'evt_2' })).toThrow('No matching signature')
    expect(() => verify(otherSecret, headers)).toThrow('No matching signature')
    const later = { ...headers, 'webhook-timestamp': String(Math.floor(now / 1_000) + 1) }
    expect(() => verify(secret, later)).toThrow('No matching signature')
  })

  it('is of both secrets while the old one is still good, and of the new one alone afterwards', () => {
    const rotated = { secret: otherSecret, previousSecret: secret, previousSecretUntil: now + day }
    const both = sign(rotated)
    expect(both['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/)
    expect(verify(secret, both)).toEqual(verify(otherSecret, both))
    const one = sign({ ...rotated, previousSecretUntil: now })
    expect(() => verify(secret, one)).toThrow('No matching signature')
    expect(verify(otherSecret, one)).toEqual(JSON.parse(body))
  })
})

describe('the headers of an attempt', () => {
  const headersOf = (headers: Record<string, string>) =>
    requestHeaders(endpointOf('whk_1', { secret, headers }), {
      eventId: 'evt_1',
      body,
      now,
      userAgent: 'gateway/1',
    })

  it('have those of the endpoint among them', () => {
    expect(headersOf({ Authorization: 'Bearer x', 'X-Tenant': '7' })).toMatchObject({
      Authorization: 'Bearer x',
      'X-Tenant': '7',
      'content-type': 'application/json',
      'user-agent': 'gateway/1',
    })
  })

  it('are ours where both have one, in whatever case, and nothing else frames the request', () => {
    const theirs = {
      'Content-Type': 'text/plain',
      'WEBHOOK-ID': 'evt_forged',
      'User-Agent': 'x',
      Host: 'other.example',
      'Content-Length': '1',
      'Transfer-Encoding': 'chunked',
    }
    const names = Object.keys(headersOf(theirs))
    expect(names).toEqual([
      'content-type',
      'user-agent',
      'webhook-id',
      'webhook-timestamp',
      'webhook-signature',
    ])
    expect(headersOf(theirs)['webhook-id']).toBe('evt_1')
  })
})
