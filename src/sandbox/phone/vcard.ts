/** Contact cards: vCard 3.0 (RFC 2426), with WhatsApp's `waid` beside a number. */

export interface Card {
  readonly name: string
  readonly phones: readonly string[]
  readonly organization?: string | undefined
  readonly email?: string | undefined
}

const escape = (text: string): string => text.replaceAll(/[\\,;]/g, '\\$&').replaceAll('\n', '\\n')
const unescape = (text: string): string =>
  text.replaceAll(/\\(?<escaped>.)/g, (_match, escaped: string) => (/n/i.test(escaped) ? '\n' : escaped))

export const writeCard = ({ name, phones, organization, email }: Card): string =>
  [
    'BEGIN:VCARD',
    'VERSION:3.0',
    `N:;${escape(name)};;;`,
    `FN:${escape(name)}`,
    ...(organization === undefined ? [] : [`ORG:${escape(organization)}`]),
    ...phones.map((phone) => `TEL;type=CELL;waid=${phone.replaceAll(/\D/g, '')}:${phone}`),
    ...(email === undefined ? [] : [`EMAIL:${escape(email)}`]),
    'END:VCARD',
    '',
  ].join('\r\n')

/** Lines of a card; those that were folded, whole again. */
const linesOf = (text: string): { readonly name: string; readonly value: string }[] =>
  text
    .replaceAll(/\r?\n[ \t]/g, '')
    .split(/\r?\n/)
    .flatMap((line) => {
      const groups = /^(?:[\w-]+\.)?(?<name>[\w-]+)(?:;[^:]*)?:(?<value>.*)$/.exec(line)?.groups
      return groups === undefined
        ? []
        : [{ name: (groups['name'] ?? '').toUpperCase(), value: unescape(groups['value'] ?? '') }]
    })

/** @throws Error when it is no card with a name */
export const readCard = (text: string): Card => {
  const lines = linesOf(text)
  const all = (name: string): string[] => lines.filter((line) => line.name === name).map(({ value }) => value)
  const [name] = all('FN')
  if (!/^BEGIN:VCARD\r?\n/i.test(text) || name === undefined) throw new Error('no contact card')
  const [organization] = all('ORG')
  const [email] = all('EMAIL')
  return {
    name,
    phones: all('TEL'),
    ...(organization === undefined ? {} : { organization }),
    ...(email === undefined ? {} : { email }),
  }
}
