import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventTypes } from '../../src/domain/event-types.ts'
import {
  changeEndpoint,
  checkSecret,
  concurrencyDefault,
  concurrencyMax,
  descriptionCharsMax,
  eventPatternsMax,
  filterChatsMax,
  filterDevicesMax,
  headersCharsMax,
  headersMax,
  newEndpoint,
  secretBytesMax,
  secretBytesMin,
  urlCharsMax,
  type EndpointSettings,
} from '../../src/domain/webhook-settings.ts'
import {
  keepSecretMaxSeconds,
  pauseEndpoint,
  removeEndpoint,
  resumeEndpoint,
  rotateSecret,
} from '../../src/domain/webhook-verbs.ts'
import type { Endpoint } from '../../src/domain/webhook.ts'
import { day, second, t0 } from './fixtures.ts'

const url = 'https://example.com/in'
const secretOf = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`
const secret = secretOf(32)
const made = (given: EndpointSettings = {}): Endpoint =>
  newEndpoint({ url, ...given }, { id: 'whk_1', secret, now: t0 })
const many = <T>(count: number, one: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => one(index))

describe('a new endpoint', () => {
  it('gets everything, in no order, until it is set up otherwise', () => {
    expect(made()).toEqual({
      id: 'whk_1',
      url,
      description: null,
      state: 'active',
      disabledReason: null,
      disabledSeq: null,
      secret,
      previousSecret: null,
      previousSecretUntil: null,
      filter: { events: null, devices: null, chats: null, notChats: [], ownMessages: true },
      headers: {},
      format: 'event',
      media: 'link',
      ordered: false,
      concurrency: concurrencyDefault,
      failures: 0,
      failingSince: null,
      notBefore: null,
      recoveredAt: null,
      createdAt: t0,
      updatedAt: t0,
    })
  })

  it.each([
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080/'],
    ['HTTPS://Example.COM:443/In?key=1', 'https://example.com/In?key=1'],
    ['https://example.com/ä', 'https://example.com/%C3%A4'],
    ['http://2130706433/', 'http://127.0.0.1/'],
    [
      `https://example.com/${'x'.repeat(urlCharsMax - 20)}`,
      `https://example.com/${'x'.repeat(urlCharsMax - 20)}`,
    ],
  ])('has its URL %.40s in the form in which it is asked', (given, expected) => {
    expect(made({ url: given }).url).toBe(expected)
  })

  it.each([
    ['', /http:\/\/ or https:\/\//],
    ['example.com', /http:\/\/ or https:\/\//],
    ['ftp://example.com', /http:\/\/ or https:\/\//],
    ['file:///etc/passwd', /http:\/\/ or https:\/\//],
    ['javascript:alert(1)', /http:\/\/ or https:\/\//],
    ['https:example.com', /http:\/\/ or https:\/\//],
    ['https://', /http:\/\/ or https:\/\//],
    ['https://exa mple.com', /spaces/],
    [' https://example.com', /spaces/],
    ['https://example.com/\u0000', /control/],
    ['https://user@example.com', /Authorization/],
    ['https://user:pass@example.com', /Authorization/],
    ['https://example.com/#top', /fragment/],
    [`https://example.com/${'x'.repeat(urlCharsMax - 19)}`, /longer than 2048/],
    [`https://example.com/${'ä'.repeat(500)}`, /longer than 2048/],
  ])('cannot be at %.60j', (given, detail) => {
    expect(() => made({ url: given })).toThrow(detail)
  })

  it('names chats as it will find them in events, each once', () => {
    const chats = [
      '+49 151 23456789',
      '4915123456789@c.us',
      '*@g.us',
      '246813579012345@lid',
      'status@broadcast',
    ]
    expect(made({ chats, notChats: ['120363012345678901@newsletter'] }).filter).toMatchObject({
      chats: ['4915123456789@s.whatsapp.net', '*@g.us', '246813579012345@lid', 'status@broadcast'],
      notChats: ['120363012345678901@newsletter'],
    })
  })

  it.each(eventTypes)('may ask for %s, and for all of its noun', (type) => {
    const noun = `${type.split('.')[0]}.*`
    expect(made({ events: [type, noun, type] }).filter.events).toEqual([type, noun])
  })

  it('may have as much as there may be of everything', () => {
    const most: EndpointSettings = {
      events: many(eventPatternsMax, () => 'message.*'),
      devices: many(filterDevicesMax, (index) => `d${index}`),
      chats: many(filterChatsMax, (index) => String(15_550_000_000 + index)),
      notChats: many(filterChatsMax, (index) => String(15_550_000_000 + index)),
      headers: Object.fromEntries(many(headersMax, (index) => [`x-${index + 10}`, 'y'.repeat(200)])),
      description: 'x'.repeat(descriptionCharsMax),
      concurrency: concurrencyMax,
    }
    expect(made(most)).toMatchObject({ concurrency: concurrencyMax })
    expect(made(most).filter.devices).toHaveLength(filterDevicesMax)
  })

  it.each<[string, EndpointSettings, RegExp]>([
    ['no events', { events: [] }, /^events: must name at least one/],
    [
      'an unknown type',
      { events: ['message.recieved'] },
      /^events: "message.recieved" .* message\.received,/,
    ],
    ['an unknown type, told what there is', { events: ['x'] }, / message\.\*/],
    ['an unknown noun', { events: ['messages.*'] }, /^events: "messages\.\*"/],
    ['a star alone', { events: ['*'] }, /^events: "\*"/],
    [
      'too many events',
      { events: many(eventPatternsMax + 1, () => 'message.*') },
      /^events: .* more than 100/,
    ],
    ['no devices', { devices: [] }, /^devices: must name at least one/],
    ['a device that cannot be', { devices: ['a/b'] }, /^devices: "a\/b" .* 1 to 64 characters/],
    ['too many devices', { devices: many(filterDevicesMax + 1, String) }, /^devices: .* more than 1000/],
    ['no chats', { chats: [] }, /^chats: must name at least one/],
    ['a chat that is none', { chats: ['nobody'] }, /^chats: "nobody" is no chat.*\*@g\.us/],
    ['a kind of chats that is none', { chats: ['*@c.us'] }, /^chats: "\*@c\.us"/],
    ['a chat to leave out that is none', { notChats: ['12'] }, /^notChats: "12"/],
    ['too many chats', { chats: many(filterChatsMax + 1, () => '*@lid') }, /^chats: .* more than 1000/],
    ['a word of a hundred thousand characters', { events: ['x'.repeat(100_000)] }, /^events: "x{64}…"/],
    ['half a character', { chats: ['\ud83d'] }, /^chats: "\ufffd"/],
    [
      'a plain format without what it has',
      { format: 'plain', events: ['device.*'] },
      /^events: the format plain/,
    ],
    ['no concurrency', { concurrency: 0 }, /^concurrency: .* from 1 to 64/],
    ['too much concurrency', { concurrency: concurrencyMax + 1 }, /^concurrency: .* from 1 to 64/],
    ['half a request', { concurrency: 1.5 }, /^concurrency/],
    ['a long description', { description: 'x'.repeat(descriptionCharsMax + 1) }, /^description: .* than 500/],
    ['NUL in its description', { description: 'a\0b' }, /^description/],
    ['a format that is none', { format: 'xml' as 'plain' }, /^format: must be event or plain/],
    ['a way of files that is none', { media: 'tape' as 'link' }, /^media: must be link or inline/],
  ])('cannot have %s', (_, given, detail) => {
    expect(() => made(given)).toThrow(expect.objectContaining({ code: 'invalid_webhook' }))
    expect(() => made(given)).toThrow(detail)
  })
})

describe('a header', () => {
  it.each([
    ['Authorization', 'Bearer abc'],
    ['X-Api-Key', '!~'],
    ["!#$%&'*+-.^_`|~09Az", 'a\tb c'],
    ['Cookie', 'a=b; c="d"'],
    ['__proto__', 'x'],
  ])('may be %s: %s', (name, value) => {
    expect(Object.entries(made({ headers: Object.fromEntries([[name, value]]) }).headers)).toEqual([
      [name, value],
    ])
  })

  it.each([
    ['', 'x', /no name/],
    ['a b', 'x', /no name/],
    ['a:', 'x', /no name/],
    ['ä', 'x', /no name/],
    ['a\r\nb', 'x', /no name/],
    ['Webhook-Id', 'x', /set by the gateway/],
    ['webhook-signature', 'x', /set by the gateway/],
    ['CONTENT-TYPE', 'x', /set by the gateway/],
    ['Content-Length', '0', /set by the gateway/],
    ['Host', 'x', /set by the gateway/],
    ['Connection', 'close', /set by the gateway/],
    ['Transfer-Encoding', 'chunked', /set by the gateway/],
    ['User-Agent', 'x', /set by the gateway/],
    ['X-A', '', /must be ASCII/],
    ['X-A', ' x', /must be ASCII/],
    ['X-A', 'x ', /must be ASCII/],
    ['X-A', 'a\r\nX-B: c', /must be ASCII/],
    ['X-A', 'a\0', /must be ASCII/],
    ['X-A', 'ä', /must be ASCII/],
    ['X-A', 'x'.repeat(headersCharsMax), /more than 4096 characters/],
  ])('cannot be %j: %.20j', (name, value, detail) => {
    expect(() => made({ headers: { [name]: value } })).toThrow(detail)
  })

  it('cannot be there twice, and not too often', () => {
    expect(() => made({ headers: { 'X-A': '1', 'x-a': '2' } })).toThrow(/twice/)
    const headers = Object.fromEntries(many(headersMax + 1, (index) => [`x-${index}`, 'y']))
    expect(() => made({ headers })).toThrow(/more than 20/)
  })

  it('that is given back as it is shown keeps its value; one that is not named goes', () => {
    const before = made({ headers: { Authorization: 'Bearer abc', 'X-Old': '1' } })
    const after = changeEndpoint(before, { headers: { AUTHORIZATION: null, 'X-New': '2' } }, t0)
    expect(after.headers).toEqual({ AUTHORIZATION: 'Bearer abc', 'X-New': '2' })
    expect(() => changeEndpoint(before, { headers: { 'X-Other': null } }, t0)).toThrow(/no value yet/)
    expect(changeEndpoint(before, { headers: null }, t0).headers).toEqual({})
  })
})

describe('a secret', () => {
  it.each([secretBytesMin, 25, 26, 32, secretBytesMax])('may have %i bytes', (bytes) => {
    expect(checkSecret(secretOf(bytes))).toBe(secretOf(bytes))
  })

  it.each([
    secretOf(secretBytesMin - 1),
    secretOf(secretBytesMax + 1),
    secretOf(32).slice('whsec_'.length),
    secretOf(32).replace('=', ''),
    secretOf(32).replace('B', '-'),
    `${secretOf(32)}=`,
    `${secretOf(30)}====`,
    ' '.repeat(40),
    'whsec_',
    '',
  ])('cannot be %s', (given) => {
    expect(() => checkSecret(given)).toThrow(/base64 of 24 to 64 bytes/)
  })

  it('is taken exactly when it has the right number of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const given = `whsec_${Buffer.from(bytes).toString('base64')}`
        const isRight = bytes.length >= secretBytesMin && bytes.length <= secretBytesMax
        const take = (): string => checkSecret(given)
        if (isRight) expect(take()).toBe(given)
        else expect(take).toThrow(/secret/)
      }),
    )
  })
})

describe('a change', () => {
  const before = made({
    events: ['message.received'],
    devices: ['myphone'],
    chats: ['*@g.us'],
    notChats: ['*@lid'],
    ownMessages: false,
    headers: { 'X-A': '1' },
    format: 'plain',
    media: 'inline',
    ordered: true,
    concurrency: 3,
    description: 'for the shop',
  })

  it('of nothing changes nothing but the time', () => {
    expect(changeEndpoint(before, {}, t0 + second)).toEqual({ ...before, updatedAt: t0 + second })
  })

  it('to null takes limits away', () => {
    const all = { events: null, devices: null, chats: null, notChats: null, headers: null, description: null }
    expect(changeEndpoint(before, all, t0)).toMatchObject({
      filter: { events: null, devices: null, chats: null, notChats: [], ownMessages: false },
      headers: {},
      description: null,
    })
  })

  it('is looked at together with what stays', () => {
    expect(() => changeEndpoint(before, { events: ['device.*'] }, t0)).toThrow(/format plain/)
    expect(changeEndpoint(before, { events: ['device.*'], format: 'event' }, t0).filter.events).toEqual([
      'device.*',
    ])
  })

  it('never touches health, state, secrets or id', () => {
    const own: Partial<Endpoint> = {
      state: 'paused',
      failures: 3,
      failingSince: t0,
      notBefore: t0 + second,
      recoveredAt: t0,
      previousSecret: secretOf(40),
      previousSecretUntil: t0 + day,
    }
    const settings = fc.record(
      {
        url: fc.webUrl().map((text) => new URL(text).href),
        events: fc.option(fc.constant(['message.*'])),
        ownMessages: fc.boolean(),
        ordered: fc.boolean(),
        concurrency: fc.integer({ min: 1, max: concurrencyMax }),
        media: fc.constantFrom('link' as const, 'inline' as const),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(settings, (given) => {
        const after = changeEndpoint({ ...before, ...own }, given, t0 + second)
        expect(after).toMatchObject({ ...own, id: before.id, secret: before.secret, createdAt: t0 })
      }),
    )
  })
})

describe('a person', () => {
  const failing: Endpoint = {
    ...made(),
    failures: 9,
    failingSince: t0 - day,
    notBefore: t0 + second,
  }
  const disabled: Endpoint = { ...failing, state: 'disabled', disabledReason: 'gone', disabledSeq: 12 }

  it('pauses what is active, and leaves alone what is stopped already', () => {
    expect(pauseEndpoint(made(), t0).state).toBe('paused')
    expect(pauseEndpoint(disabled, t0)).toEqual(disabled)
    const paused = { ...made(), state: 'paused' } as const
    expect(pauseEndpoint(paused, t0)).toEqual(paused)
  })

  it('has a disabled one go on as if nothing had been, and what failed before tried soon', () => {
    expect(resumeEndpoint(disabled, t0)).toEqual({ ...made(), recoveredAt: t0 })
    expect(resumeEndpoint(failing, t0)).toEqual({ ...made(), recoveredAt: t0 })
  })

  it('has one that was only paused go on where it was', () => {
    expect(resumeEndpoint({ ...made(), state: 'paused' }, t0)).toEqual(made())
  })

  it('gives one a new secret; the old one signs as long as is wanted', () => {
    const text = Buffer.alloc(32, 9).toString('base64')
    expect(rotateSecret(made(), text, 60, t0)).toMatchObject({
      secret: `whsec_${text}`,
      previousSecret: secret,
      previousSecretUntil: t0 + 60 * second,
    })
    expect(rotateSecret(made(), text, 0, t0)).toMatchObject({
      previousSecret: null,
      previousSecretUntil: null,
    })
    expect(rotateSecret(made(), text, keepSecretMaxSeconds, t0).previousSecretUntil).toBe(t0 + 7 * day)
    for (const seconds of [-1, keepSecretMaxSeconds + 1]) {
      expect(() => rotateSecret(made(), text, seconds, t0)).toThrow(/from 0 to 604800/)
    }
  })

  it('removes one', () => {
    expect(removeEndpoint(disabled, t0 + second)).toMatchObject({ state: 'removed', updatedAt: t0 + second })
  })
})
