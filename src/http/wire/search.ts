import { z } from '@hono/zod-openapi'
import type { Found } from '../../control/search-messages.ts'
import { searchCharsMax, type Excerpt } from '../../domain/search.ts'
import { typeQuery } from './body.ts'
import { messageSchema, messagesQuery, toMessage } from './message.ts'
import { nextCursorSchema } from './page.ts'

const { status: _, type: __, acts: ___, ...filters } = messagesQuery.shape

const deviceQuery = {
  ...filters,
  q: z
    .string()
    .min(1)
    .openapi({
      description: `Words, "phrases", -not, prefix*; at most ${searchCharsMax} characters. Case and accents make no difference.`,
      example: 'lunch "next week" -cancelled',
    }),
  sender: z.string().min(1).optional().openapi({ description: 'A JID or a phone number' }),
  type: typeQuery,
  order: z.enum(['newest', 'rank']).default('newest'),
}

export const deviceSearchQuery = z.strictObject(deviceQuery)

export const searchQuery = z.strictObject({
  ...deviceQuery,
  device: z.string().min(1).optional().openapi({ description: 'Without it, all devices are searched' }),
})

export const foundSchema = z
  .strictObject({
    results: z.array(
      z.strictObject({
        message: messageSchema,
        snippet: z.string().openapi({
          description: 'HTML: what was found stands in `<mark>`, all else is escaped',
          example: 'Shall we have <mark>lunch</mark>?',
        }),
      }),
    ),
    nextCursor: nextCursorSchema,
    complete: z.boolean().openapi({
      description: 'False while messages are still on their way into the index, as after an upgrade',
    }),
  })
  .openapi('Found')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? sign)

const snippetOf = (excerpt: Excerpt): string =>
  excerpt.map(({ text, hit }) => (hit ? `<mark>${escaped(text)}</mark>` : escaped(text))).join('')

export const toFound = ({ items, nextCursor, complete }: Found): z.output<typeof foundSchema> => ({
  results: items.map(({ message, excerpt }) => ({
    message: toMessage(message),
    snippet: snippetOf(excerpt),
  })),
  nextCursor,
  complete,
})
