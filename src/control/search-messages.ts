import type { Message } from '../domain/message.ts'
import { type Excerpt, parseSearch } from '../domain/search.ts'
import { type Page, type SearchFilter, StoreError } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import { knownDevice } from './known-device.ts'
import { chatJid } from './list-messages.ts'
import type { PageInput } from './page.ts'
import { indexBatchRows } from './search-indexer.ts'

/** A search takes so many batches of new messages into the index first. */
const catchUpBatches = 4

export interface Found extends Page<{ readonly message: Message; readonly excerpt: Excerpt }> {
  /** False while older messages are still on their way into the index. */
  readonly complete: boolean
}

/** A database that cannot be written now can be searched all the same. */
const catchUp = async ({ store }: ControlContext): Promise<boolean> => {
  try {
    for (let batch = 0; batch < catchUpBatches; batch++) {
      if (!(await store.search.index(indexBatchRows))) return true
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
  }
  return false
}

/** Looks for messages that say something, of one device or of all, removed ones too. `chat` and `sender` may be phone numbers. */
export const searchMessages = async (
  ctx: ControlContext,
  {
    q,
    order,
    filter,
    page,
  }: {
    readonly q: string
    readonly order: 'newest' | 'rank'
    readonly filter: SearchFilter
    readonly page: PageInput
  },
): Promise<Found> => {
  const { deviceId, chat, sender, ...rest } = filter
  const query = parseSearch(q)
  const where: SearchFilter = {
    ...rest,
    ...(deviceId === undefined ? {} : { deviceId: (await knownDevice(ctx, deviceId)).id }),
    ...(chat === undefined ? {} : { chat: chatJid(chat) }),
    ...(sender === undefined ? {} : { sender: chatJid(sender, 'sender') }),
  }
  const complete = await catchUp(ctx)
  return { ...(await ctx.store.search.find(query, where, { order, ...page })), complete }
}
