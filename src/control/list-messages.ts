import { GatewayError } from '../domain/errors.ts'
import { formatJid, normalizeJid, parseRecipient } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import type { MessageFilter, Page } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { knownDevice } from './known-device.ts'
import type { PageInput } from './page.ts'

/** Any chat there can be: a recipient, or a broadcast list, the status feed, a channel. */
export const chatJid = (text: string, name = 'chat'): string => {
  const recipient = parseRecipient(text)
  const jid = recipient === undefined ? normalizeJid(text) : formatJid(recipient)
  if (jid === undefined) {
    throw new GatewayError('invalid_query', `${name} must be a JID or a full international phone number`)
  }
  return jid
}

/** The messages of a device in both directions, newest first; of a removed one too. `chat` may be a phone number. */
export const listMessages = async (
  ctx: ControlContext,
  { filter, page }: { filter: MessageFilter; page: PageInput },
): Promise<Page<Message>> => {
  const device = await knownDevice(ctx, filter.deviceId)
  return await ctx.store.messages.list(
    { ...filter, deviceId: device.id, ...(filter.chat === undefined ? {} : { chat: chatJid(filter.chat) }) },
    page,
  )
}
