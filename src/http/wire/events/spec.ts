import { z } from '@hono/zod-openapi'
import type { EventBody, EventType } from '../../../domain/event.ts'

/** What events of a type say. */
export type DataOf<Type extends EventType> = EventBody extends infer Body
  ? Body extends { readonly type: infer Types; readonly data: infer Data }
    ? Type extends Types
      ? Data
      : never
    : never
  : never

/** What is promised of the events of a type. */
export interface EventSpec<Type extends EventType> {
  /** What has changed since, a note for each version after the first. */
  readonly notes: readonly string[]
  readonly data: z.ZodObject
  readonly example: DataOf<Type>
}

export type EventSpecs<Type extends EventType> = { readonly [T in Type]: EventSpec<T> }

/** The types of a noun. */
export type TypesOf<Noun extends string> = Extract<EventType, `${Noun}.${string}`>

/** As it was in the first version. */
export const unchanged: readonly string[] = []

export const chatShape = {
  chat: z.string().openapi({ description: 'The JID to show: by phone number where it is known' }),
  chatLid: z.string().nullable(),
}

export const errorSchema = z.strictObject({
  code: z.string().openapi({ description: 'A word for programs' }),
  detail: z.string().openapi({ description: 'For people' }),
})

export const partySchema = z
  .strictObject({
    jid: z.string().openapi({ description: 'The JID to show' }),
    lid: z.string().nullable(),
    phone: z.string().nullable().openapi({ description: 'Digits' }),
  })
  .openapi('EventParty')

export const phone = '1234567890'
export const chat = `${phone}@s.whatsapp.net`
export const chatLid = '246813579012345@lid'
export const group = '120363000000000000@g.us'
export const party = { jid: chat, lid: chatLid, phone }
export const moment = '2025-11-16T02:18:05.000Z'
