import type { Message } from '../domain/message.ts'
import type { ControlContext } from './context.ts'
import { knownDevice } from './known-device.ts'
import { chatJid } from './list-messages.ts'

/** Messages that are in memory at a time. */
export const exportPageRows = 200

export interface ChatExport {
  /** The chat's JID. */
  readonly chat: string
  readonly pages: AsyncIterable<readonly Message[]>
}

/**
 * All messages of a chat that are there now, oldest first, page by page as they are asked for. The first page is read at
 * once: a database that cannot be read shows before anything is answered.
 */
export const exportChat = async (
  ctx: ControlContext,
  input: { readonly deviceId: string; readonly chat: string },
): Promise<ChatExport> => {
  const { id: deviceId } = await knownDevice(ctx, input.deviceId)
  const chat = chatJid(input.chat)
  const { chats } = ctx.store
  const all = { deviceId, chat, end: await chats.end() }
  const first = await chats.read(all, { limit: exportPageRows })
  const pages = async function* (): AsyncGenerator<readonly Message[]> {
    for (let page = first; ; ) {
      yield page.items
      if (page.nextCursor === null) return
      page = await chats.read(all, { limit: exportPageRows, cursor: page.nextCursor })
    }
  }
  return { chat, pages: pages() }
}
