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

/** The sockets that are online for somebody who types, and when they are not any more. */
const online = new WeakMap<CommandContext['sock'], NodeJS.Timeout>()

/**
 * Shows that the owner types or records. WhatsApp passes it on only of who is online, so the account is that for as long as
 * phones show it. WhatsApp answers nothing, and keeps nothing for who is away.
 */
export const showTyping = async (
  context: CommandContext,
  { chat, state }: { readonly chat: string; readonly state: TypingState },
): Promise<void> => {
  checkOpen(context)
  const { sock } = context
  const tell = (...presence: Parameters<typeof sock.sendPresenceUpdate>): Promise<void> =>
    until(context, sock.sendPresenceUpdate(...presence), 'the write')
  clearTimeout(online.get(sock))
  if (state !== 'paused') await tell('available')
  await tell(state, chat)
  // An online companion silences the notifications of the phone.
  if (state === 'paused') return tell('unavailable')
  const timer = setTimeout(() => void tell('unavailable').catch(() => undefined), typingShownMs)
  online.set(sock, timer.unref())
}
