/** What others see of the owner's attention: what was read, and that somebody types. */
import type { BinaryNode } from '@whiskeysockets/baileys'
import { parseJid, partyJid } from '../../domain/jid.ts'
import type { TypingState } from '../../domain/operation.ts'
import type { MessageName } from '../socket.ts'
import { addressIn } from './app-state.ts'
import { checkOpen, type CommandContext, until, untilRead } from './ask.ts'

/** Ids in one receipt. */
const idsMax = 256
const secondMs = 1_000

interface Sender {
  readonly to: string
  readonly participant: string | undefined
}

/** Whom a receipt for a message goes to; it names the sender only where the chat does not. */
const senderOf = async ({ groups }: CommandContext, { chat, sender }: MessageName): Promise<Sender> => {
  const to = partyJid(chat)
  const kind = parseJid(to)?.kind
  if (kind === 'group') return { to, participant: await addressIn(groups, to, sender) }
  return { to, participant: kind === 'phone' || kind === 'lid' ? undefined : partyJid(sender) }
}

const receiptOf = (
  { to, participant }: Sender,
  [first = '', ...others]: readonly string[],
  type: string,
  t: number,
): BinaryNode => ({
  tag: 'receipt',
  attrs: { id: first, type, to, t: String(t), ...(participant === undefined ? {} : { participant }) },
  ...(others.length === 0
    ? {}
    : {
        content: [{ tag: 'list', attrs: {}, content: others.map((id) => ({ tag: 'item', attrs: { id } })) }],
      }),
})

/**
 * Tells the senders that their messages were read, or played. Who has switched read receipts off tells the own devices
 * alone; that a recording was played is always told (WhatsApp's help page on read receipts).
 */
export const markRead = async (
  context: CommandContext,
  { messages, played }: { readonly messages: readonly MessageName[]; readonly played: boolean },
): Promise<void> => {
  const { sock, now } = context
  const received = messages.filter(({ fromMe }) => !fromMe)
  if (received.length === 0) return
  checkOpen(context)
  const bySender = new Map<string, { readonly sender: Sender; readonly ids: string[] }>()
  for (const message of received) {
    const sender = await senderOf(context, message)
    const key = `${sender.to} ${sender.participant ?? ''}`
    const known = bySender.get(key) ?? { sender, ids: [] }
    known.ids.push(message.whatsappId)
    bySender.set(key, known)
  }
  const shown = async (): Promise<string> => {
    const settings = await until(context, sock.fetchPrivacySettings(), 'the privacy settings')
    return settings['readreceipts'] === 'all' ? 'read' : 'read-self'
  }
  const type = played ? 'played' : await shown()
  const t = Math.floor(now() / secondMs)
  for (const { sender, ids } of bySender.values()) {
    for (let from = 0; from < ids.length; from += idsMax) {
      await until(
        context,
        sock.sendNode(receiptOf(sender, ids.slice(from, from + idsMax), type, t)),
        'the write',
      )
    }
  }
  await untilRead(context)
}

/** Phones forget after so long that somebody types (WhatsApp Web says so again every 10 s). */
const typingShownMs = 25_000

/**
 * Shows that the owner types or records; the account is online for as long as phones show it. WhatsApp answers nothing, and
 * keeps nothing for who is away.
 */
export const showTyping = async (
  context: CommandContext,
  { chat, state }: { readonly chat: string; readonly state: TypingState },
): Promise<void> => {
  checkOpen(context)
  const { sock, online } = context
  if (state !== 'paused') await until(context, online.hold(chat, typingShownMs), 'the write')
  await until(context, sock.sendPresenceUpdate(state, chat), 'the write')
  if (state === 'paused') await until(context, online.release(chat), 'the write')
}
