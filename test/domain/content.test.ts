import { proto } from '@whiskeysockets/baileys'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeText } from '../../src/domain/content.ts'
import { textLengthMax } from '../../src/domain/message.ts'

const byBaileys = (conversation: string): Uint8Array => proto.Message.encode({ conversation }).finish()
/** Any character of Unicode, but for the halves that UTF-16 makes of some. */
const character = fc
  .oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((point) => String.fromCodePoint(point))

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('a text as WhatsApp takes it', () => {
  it.each([
    ['nothing', ''],
    ['one letter', 'a'],
    ['the last length of one byte', 'x'.repeat(127)],
    ['the first length of two bytes', 'x'.repeat(128)],
    ['the last length of two bytes', 'x'.repeat(16_383)],
    ['the first length of three bytes', 'x'.repeat(16_384)],
    ['the longest text', 'x'.repeat(textLengthMax)],
    ['the longest text in three bytes a character', '€'.repeat(textLengthMax)],
    ['the longest text in emoji', '🚀'.repeat(textLengthMax / 2)],
    ['a family', '👨‍👩‍👧‍👦 ok'],
    ['right to left', 'שלום עולם'],
    ['controls and a zero', 'a\u0000b\n\t'],
  ])('is what Baileys makes of it: %s', (_, text) => {
    expect(hex(encodeText(text))).toBe(hex(byBaileys(text)))
  })

  it('is what Baileys makes of it, whatever it says', () => {
    fc.assert(
      fc.property(fc.array(character, { maxLength: 400, size: 'max' }), (characters) => {
        const text = characters.join('')
        expect(hex(encodeText(text))).toBe(hex(byBaileys(text)))
        expect(proto.Message.decode(encodeText(text)).conversation).toBe(text)
      }),
    )
  })

  it('is valid UTF-8 even when half a character was given', () => {
    const { conversation } = proto.Message.decode(encodeText('a\uD83Db'))
    expect(conversation).toBe('a\uFFFDb')
  })
})
