import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  formatJid,
  type Jid,
  normalizeJid,
  parseJid,
  parsePhoneNumber,
  parseRecipient,
  partyJid,
  partyOf,
  phoneJid,
  sameParty,
} from '../../src/domain/jid.ts'

const show = (jid: Jid | undefined): string | undefined =>
  jid === undefined ? undefined : `${jid.kind} ${jid.user} ${jid.device}`

describe('an address of WhatsApp', () => {
  it.each([
    ['4915123456789@s.whatsapp.net', 'phone 4915123456789 0', '4915123456789@s.whatsapp.net'],
    ['4915123456789:17@s.whatsapp.net', 'phone 4915123456789 17', '4915123456789@s.whatsapp.net'],
    ['4915123456789_1:17@s.whatsapp.net', 'phone 4915123456789 17', '4915123456789@s.whatsapp.net'],
    ['4915123456789@c.us', 'phone 4915123456789 0', '4915123456789@s.whatsapp.net'],
    ['4915123456789:99@hosted', 'phone 4915123456789 99', '4915123456789@s.whatsapp.net'],
    ['246813579012345@lid', 'lid 246813579012345 0', '246813579012345@lid'],
    ['246813579012345:3@lid', 'lid 246813579012345 3', '246813579012345@lid'],
    ['246813579012345:99@hosted.lid', 'lid 246813579012345 99', '246813579012345@lid'],
    ['120363012345678901@g.us', 'group 120363012345678901 0', '120363012345678901@g.us'],
    ['4915123456789-1600000000@g.us', 'group 4915123456789-1600000000 0', '4915123456789-1600000000@g.us'],
    ['status@broadcast', 'status status 0', 'status@broadcast'],
    ['1600000000@broadcast', 'broadcast 1600000000 0', '1600000000@broadcast'],
    ['120363012345678901@newsletter', 'newsletter 120363012345678901 0', '120363012345678901@newsletter'],
  ])('such as %s is %s, and in short %s', (text, parts, short) => {
    expect(show(parseJid(text))).toBe(parts)
    expect(normalizeJid(text)).toBe(short)
  })

  it.each([
    '',
    '@',
    '@s.whatsapp.net',
    '4915123456789',
    '4915123456789@',
    '4915123456789@example.com',
    '4915123456789@S.WHATSAPP.NET',
    '4915123456789@s.whatsapp.net@lid',
    '+4915123456789@s.whatsapp.net',
    '4915 123456789@s.whatsapp.net',
    'ada@s.whatsapp.net',
    '1234@s.whatsapp.net',
    '123456789012345678901@s.whatsapp.net',
    '4915123456789:@s.whatsapp.net',
    '4915123456789:1:2@s.whatsapp.net',
    '4915123456789:x@s.whatsapp.net',
    '4915123456789:12345@s.whatsapp.net',
    '٤٩١٥١٢٣٤٥٦@s.whatsapp.net',
    'status@g.us',
    'group@g.us',
    '12345@constructor',
    '12345@__proto__',
    '12345@toString',
    "12345@s.whatsapp.net'; drop table devices",
  ])('is not %j', (text) => {
    expect(parseJid(text)).toBeUndefined()
    expect(normalizeJid(text)).toBeUndefined()
  })

  it('is nothing when there is none', () => {
    expect(normalizeJid(null)).toBeUndefined()
    expect(normalizeJid(undefined)).toBeUndefined()
  })
})

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.stringMatching(new RegExp(`^[1-9][0-9]{${min - 1},${max - 1}}$`))

const person: fc.Arbitrary<Jid> = fc.record({
  kind: fc.constantFrom('phone' as const, 'lid' as const),
  user: digits(5, 20),
  device: fc.nat(9999),
})
const place: fc.Arbitrary<Jid> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('group' as const, 'broadcast' as const, 'newsletter' as const),
    user: digits(5, 40),
    device: fc.constant(0),
  }),
  fc.constant<Jid>({ kind: 'status', user: 'status', device: 0 }),
)

describe('addresses, there and back', () => {
  it('are what they were, but for the device', () => {
    fc.assert(
      fc.property(fc.oneof(person, place), (jid) => {
        expect(parseJid(formatJid(jid))).toEqual({ ...jid, device: 0 })
      }),
    )
  })

  it('lose their device only when they are put in short', () => {
    fc.assert(
      fc.property(person, (jid) => {
        const [user, server] = formatJid(jid).split('@')
        const long = `${user}:${jid.device}@${server}`
        expect(parseJid(long)).toEqual(jid)
        expect(normalizeJid(long)).toBe(formatJid(jid))
      }),
    )
  })

  it('in short are as short as they get', () => {
    fc.assert(
      fc.property(fc.oneof(person, place), (jid) => {
        const short = normalizeJid(formatJid(jid))
        expect(normalizeJid(short)).toBe(short)
      }),
    )
  })

  it('made of anything at all never throw, and give a recipient that can be written down or none', () => {
    const servers = fc.constantFrom(
      's.whatsapp.net',
      'lid',
      'g.us',
      'broadcast',
      'constructor',
      'valueOf',
      '',
    )
    // Half characters, too.
    const anything = fc
      .array(fc.oneof(fc.nat(0xffff), fc.nat(0x7f)))
      .map((units) => String.fromCharCode(...units))
    const digitsAnd = fc.stringMatching(/^[0-9]{5,20}[:_]?[0-9]{0,5}$/)
    const nearly = fc
      .tuple(fc.oneof(anything, digitsAnd), servers)
      .map(([user, server]) => `${user}@${server}`)
    fc.assert(
      fc.property(fc.oneof(anything, nearly), (text) => {
        const jid = parseRecipient(text)
        if (jid !== undefined) expect(parseJid(formatJid(jid))).toEqual(jid)
        const short = normalizeJid(text)
        if (short !== undefined) expect(normalizeJid(short)).toBe(short)
        parsePhoneNumber(text)
      }),
      { numRuns: 500 },
    )
  })
})

describe('a phone number', () => {
  it.each([
    '4915123456789',
    '+4915123456789',
    '+49 151 23456789',
    '+49-151-2345-6789',
    '+49 (151) 23456789',
    '49.151.23456789',
    '  +49\u00A0151\t23456789 ',
  ])('may be written %j', (text) => {
    expect(parsePhoneNumber(text)).toBe('4915123456789')
  })

  it.each([
    '',
    '+',
    '123456',
    '1234567890123456',
    '0151 23456789',
    '++4915123456789',
    '49+15123456789',
    '4915123456789a',
    '49151/23456789',
    '٤٩١٥١٢٣٤٥٦٧٨٩',
    '1e10000000',
    '-',
  ])('is not %j', (text) => {
    expect(parsePhoneNumber(text)).toBeUndefined()
  })

  it('is the same however it is spaced', () => {
    const separators = fc.array(fc.constantFrom('', ' ', '-', '.', '(', ')'), {
      minLength: 15,
      maxLength: 15,
    })
    fc.assert(
      fc.property(digits(7, 15), separators, fc.boolean(), (number, gaps, plus) => {
        const spaced = Array.from(number, (digit, i) => `${digit}${gaps[i] ?? ''}`).join('')
        expect(parsePhoneNumber(`${plus ? '+' : ''}${spaced}`)).toBe(number)
        expect(parseJid(phoneJid(number))).toEqual({ kind: 'phone', user: number, device: 0 })
      }),
    )
  })
})

describe('a recipient', () => {
  it.each([
    ['+49 151 2345 6789', '4915123456789@s.whatsapp.net'],
    ['4915123456789@s.whatsapp.net', '4915123456789@s.whatsapp.net'],
    [' 4915123456789@c.us ', '4915123456789@s.whatsapp.net'],
    ['4915123456789:4@s.whatsapp.net', '4915123456789@s.whatsapp.net'],
    ['246813579012345@lid', '246813579012345@lid'],
    ['120363012345678901@g.us', '120363012345678901@g.us'],
  ])('may be %s, which is %s', (text, jid) => {
    const recipient = parseRecipient(text)
    expect(recipient === undefined ? undefined : formatJid(recipient)).toBe(jid)
    expect(recipient?.device).toBe(0)
  })

  it.each([
    '',
    'Ada',
    'ada@example.com',
    'status@broadcast',
    '1600000000@broadcast',
    '120363012345678901@newsletter',
    '+49 151 2345 6789@s.whatsapp.net',
    '12345',
  ])('may not be %j', (text) => {
    expect(parseRecipient(text)).toBeUndefined()
  })
})

describe('the two addresses of one person', () => {
  const pn = '4915123456789@s.whatsapp.net'
  const lid = '246813579012345@lid'

  it('are the same person when one of them is known on both sides and equal', () => {
    expect(sameParty({ pn, lid }, { pn, lid: null })).toBe(true)
    expect(sameParty({ pn: null, lid }, { pn, lid })).toBe(true)
    expect(sameParty({ pn, lid: null }, { pn: null, lid })).toBe(false)
    expect(sameParty({ pn: null, lid: null }, { pn: null, lid: null })).toBe(false)
    expect(sameParty({ pn, lid: null }, { pn: phoneJid('4915199999999'), lid: null })).toBe(false)
  })

  it('is put together from addresses in any order; what is none is passed over, and the first of a kind counts', () => {
    const [pn, lid] = ['4915123456789@s.whatsapp.net', '246813579012345@lid']
    expect(partyOf(lid, undefined, 'nobody', '4915123456789:7@c.us', '4900000000@s.whatsapp.net')).toEqual({
      pn,
      lid,
    })
    expect(partyOf(pn)).toEqual({ pn, lid: null })
    expect(partyOf('120363000000000000@g.us')).toEqual({ pn: '120363000000000000@g.us', lid: null })
    expect(partyOf()).toEqual({ pn: null, lid: null })
  })

  it('are shown as the phone number where it is known', () => {
    expect(partyJid({ pn, lid })).toBe(pn)
    expect(partyJid({ pn: null, lid })).toBe(lid)
  })
})
