/** Searching messages: a part of the seam, which src/store/store.ts describes. */
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
