import { z } from '@hono/zod-openapi'
import { exportChat } from '../../control/export-chat.ts'
import type { Message } from '../../domain/message.ts'
import { transcriptOf } from '../../domain/transcript.ts'
import { dispositionOf } from '../disposition.ts'
import { pathParam, queryOf } from '../input.ts'
import { replyStream } from '../reply.ts'
import { problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { toMessage } from '../wire/message.ts'
import { isoOrNull } from '../wire/time.ts'

const exportQuery = z.strictObject({
  chat: z.string().min(1).openapi({ description: 'A JID or a phone number' }),
  format: z.enum(['jsonl', 'text']).default('jsonl'),
})

const formats = {
  jsonl: {
    contentType: 'application/x-ndjson',
    extension: 'jsonl',
    entry: (message: Message): string => `${JSON.stringify(toMessage(message))}\n`,
  },
  text: {
    contentType: 'text/plain; charset=utf-8',
    extension: 'txt',
    entry: (message: Message): string => transcriptOf(message, isoOrNull),
  },
} as const

const chunks = async function* (
  pages: AsyncIterable<readonly Message[]>,
  entry: (message: Message) => string,
): AsyncGenerator<string> {
  for await (const page of pages) yield page.map(entry).join('')
}

export const exportRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/export',
      operationId: 'exportChat',
      summary: 'All messages of a chat, oldest first, as a file',
      description:
        '`jsonl` has one Message a line, acts on messages too. `text` looks like the export of WhatsApp itself, with times in UTC; acts are left out of it, deleted and edited messages are marked. What comes while it is read is not in it.',
      tags: ['messages'],
      request: { params: z.strictObject({ id: deviceIdSchema }), query: exportQuery },
      responses: {
        200: {
          description: 'The file',
          content: {
            'application/x-ndjson': { schema: z.string() },
            'text/plain': {
              schema: z.string().openapi({ example: '[2026-11-22, 21:03:04] Alice: hello\n' }),
            },
          },
        },
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { chat: wanted, format } = queryOf(c, exportQuery)
      const deviceId = pathParam(c, 'id')
      const { chat, pages } = await exportChat(ctx, { deviceId, chat: wanted })
      const { contentType, extension, entry } = formats[format]
      const name = `whatsapp-${deviceId}-${chat.replace(/@.*/, '')}.${extension}`
      return replyStream(c, chunks(pages, entry), contentType, {
        headers: { 'Content-Disposition': dispositionOf(contentType, name) },
      })
    },
  },
]
