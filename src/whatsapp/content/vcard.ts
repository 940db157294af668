/** Contact cards as WhatsApp carries them: vCard 3.0 (RFC 2426), with the number that WhatsApp knows as `waid`. */
import { parseVCards } from 'vcard4-ts'
import type { ContactCard } from '../../domain/body.ts'

/** RFC 2426 section 4: backslash, comma, semicolon and line breaks are escaped in a value. */
const escaped = (text: string): string =>
  text
    .replace(/\\/g, '\\\\')
    .replace(/[,;]/g, '\\$&')
    .replace(/\r?\n|\r/g, '\\n')

const digitsOf = (phone: string): string => phone.replace(/\D/g, '')

export const vcardOf = ({ name, phones, organization, email }: ContactCard): string =>
  [
    'BEGIN:VCARD',
    'VERSION:3.0',
    `N:;${escaped(name)};;;`,
    `FN:${escaped(name)}`,
    ...(organization === undefined ? [] : [`ORG:${escaped(organization)}`]),
    ...phones.map((phone) => `TEL;type=CELL;type=VOICE;waid=${digitsOf(phone)}:${escaped(phone)}`),
    ...(email === undefined ? [] : [`EMAIL:${escaped(email)}`]),
    'END:VCARD',
  ].join('\n')

/** What can be read of a card; of one that is none, the name that came along with it. */
export const cardOf = (vcard: string, displayName: string): ContactCard => {
  const [card] = parseVCards(vcard).vCards ?? []
  const name = card?.FN?.[0]?.value.trim() || displayName
  const phones = (card?.TEL ?? []).map(({ value }) => value.replace(/^tel:/i, '').trim())
  const organization = card?.ORG?.[0]?.value.join(';').replace(/;+$/, '')
  const email = card?.EMAIL?.[0]?.value.trim()
  return {
    name,
    phones: phones.filter((phone) => phone !== ''),
    ...(organization === undefined || organization === '' ? {} : { organization }),
    ...(email === undefined || email === '' ? {} : { email }),
  }
}
