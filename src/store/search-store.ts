/** Searching messages, and reading a whole chat: a part of the seam, which src/store/store.ts describes. */
import type { Direction, Message, MessageType } from '../domain/message.ts'
import type { Excerpt, SearchQuery } from '../domain/search.ts'
import type { Page } from './store.ts'

export interface SearchFilter {
  readonly deviceId?: string
  /** Matches either address of the chat, and of the sender. */
  readonly chat?: string
  readonly sender?: string
  readonly type?: MessageType
  readonly direction?: Direction
  /** Created at or after, before (ms). */
  readonly after?: number
  readonly before?: number
}

export interface SearchStore {
  /**
   * Takes the oldest messages that the index lacks into it, at most `limit` of them; resolves with whether there are more.
   * Changes of messages that are in it follow by themselves, in the transaction that makes them.
   */
  index(limit: number): Promise<boolean>
  /** By `rank` the best matches first, a thousand at most. Acts and deleted messages are never found. */
  find(
    query: SearchQuery,
    filter: SearchFilter,
    page: { readonly order: 'newest' | 'rank'; readonly limit: number; readonly cursor?: string },
  ): Promise<Page<{ readonly message: Message; readonly excerpt: Excerpt }>>
}

export interface ChatStore {
  /** Where a reading of a chat ends that begins now: what is stored later is no part of it. */
  end(): Promise<number>
  /** The messages of a chat that were there at `end`, oldest first, acts too. `chat` matches either address. */
  read(
    chat: { readonly deviceId: string; readonly chat: string; readonly end: number },
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page<Message>>
}
