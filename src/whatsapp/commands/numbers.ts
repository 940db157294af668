import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from '@whiskeysockets/baileys'
import { normalizeJid, parseJid } from '../../domain/jid.ts'
import type { CheckedNumber } from '../../domain/operation.ts'
import { ask, type CommandContext } from './ask.ts'

const question = (numbers: readonly string[], sid: string): BinaryNode => ({
  tag: 'iq',
  attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'usync' },
  content: [
    {
      tag: 'usync',
      attrs: { sid, mode: 'query', last: 'true', index: '0', context: 'interactive' },
      content: [
        { tag: 'query', attrs: {}, content: [{ tag: 'contact', attrs: {} }] },
        {
          tag: 'list',
          attrs: {},
          content: numbers.map((number) => ({
            tag: 'user',
            attrs: {},
            content: [{ tag: 'contact', attrs: {}, content: Buffer.from(`+${number}`) }],
          })),
        },
      ],
    },
  ],
})

/** The number that an answer is about: as it was asked for, which may be written otherwise than the JID that it has. */
const askedOf = (user: BinaryNode, contact: BinaryNode): string => {
  const { content } = contact
  const text = content instanceof Uint8Array ? Buffer.from(content).toString() : content
  return typeof text === 'string' ? text.replace(/\D/g, '') : (parseJid(user.attrs['jid'] ?? '')?.user ?? '')
}

/**
 * Which numbers are on WhatsApp, and under which address. Not by Baileys' `onWhatsApp`: it leaves out what was asked for, so
 * that a number which WhatsApp writes otherwise could not be told from one that is not there.
 */
export const checkNumbers = async (
  context: CommandContext,
  { numbers }: { readonly numbers: readonly string[] },
): Promise<{ readonly numbers: readonly CheckedNumber[] }> => {
  const answer = await ask(context, question(numbers, context.sock.generateMessageTag()))
  const list = getBinaryNodeChild(getBinaryNodeChild(answer, 'usync'), 'list')
  const answers = new Map<string, string | null>()
  for (const user of getBinaryNodeChildren(list, 'user')) {
    const contact = getBinaryNodeChild(user, 'contact')
    const jid = normalizeJid(user.attrs['jid'])
    const type = contact?.attrs['type']
    if (contact === undefined) continue
    if (type === 'in' && jid !== undefined) answers.set(askedOf(user, contact), jid)
    else if (type === 'out') answers.set(askedOf(user, contact), null)
  }
  for (const number of numbers) {
    const jid = answers.get(number)
    if (jid !== undefined) await context.noteNumber(number, jid)
  }
  return { numbers: numbers.map((number) => ({ number, jid: answers.get(number) ?? null })) }
}
