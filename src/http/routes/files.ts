import { Readable } from 'node:stream'
import { z } from '@hono/zod-openapi'
import type { ControlContext } from '../../control/context.ts'
import { fetchFile } from '../../control/fetch-file.ts'
import { checkReadable, getFile, getMessageFile } from '../../control/read-file.ts'
import { removeFile } from '../../control/remove-file.ts'
import type { Media } from '../../domain/media.ts'
import { partOf } from '../byte-range.ts'
import { dispositionOf } from '../disposition.ts'
import type { RequestContext } from '../env.ts'
import { pathParam } from '../input.ts'
import { OutcomeProblem, type ProblemCode } from '../problem.ts'
import { reply, replyJson, type ReplyHeaders } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { fileSchema, toFile } from '../wire/file.ts'
import { messageParams } from './messages.ts'

const tags = ['media']
const fileParams = z.strictObject({ id: z.string() })

const binary = (description: string) => ({
  description,
  content: { '*/*': { schema: z.any().openapi({ type: 'string', format: 'binary' }) } },
})

const rangeHeaders = z.object({
  range: z.string().optional().openapi({ description: 'One range of bytes', example: 'bytes=0-1023' }),
  'if-range': z.string().optional(),
  'if-none-match': z.string().optional(),
})

/** A type that no header can hold is none that a browser knows. */
const typeOf = (mimetype: string): string =>
  /^[\x21-\x7e][\x20-\x7e]{0,127}$/.test(mimetype) ? mimetype : 'application/octet-stream'

/** Whoever sent a file chose what is in it: a browser that shows it runs none of it, and gives it nothing of ours. */
const guards: ReplyHeaders = {
  'Content-Security-Policy': "sandbox; default-src 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'private, no-cache',
  'X-Content-Type-Options': 'nosniff',
}

const answerFile = async (c: RequestContext, ctx: ControlContext, file: Media): Promise<Response> => {
  const bytes = await checkReadable(ctx, file)
  const etag = `"${file.sha256}"`
  const part = partOf(
    {
      range: c.req.header('range'),
      ifRange: c.req.header('if-range'),
      ifNoneMatch: c.req.header('if-none-match'),
    },
    etag,
    bytes,
  )
  if (part.kind === 'unsatisfiable') {
    throw new OutcomeProblem('range_not_satisfiable', `the file has ${bytes} bytes`, {
      headers: { 'Content-Range': `bytes */${bytes}` },
    })
  }
  const common = { ...guards, ETag: etag, 'X-Request-Id': c.get('requestId') }
  if (part.kind === 'not_modified') return new Response(null, { status: 304, headers: common })
  const range = part.kind === 'part' ? { start: part.start, end: part.end } : undefined
  const headers = {
    ...common,
    'Accept-Ranges': 'bytes',
    'Content-Type': typeOf(file.mimetype),
    'Content-Length': String(range === undefined ? bytes : range.end - range.start + 1),
    'Content-Disposition': dispositionOf(file.mimetype, file.filename),
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${range.start}-${range.end}/${bytes}` }),
  }
  const status = range === undefined ? 200 : 206
  // Nobody would read it, or close it.
  if (c.req.method === 'HEAD') return new Response(null, { status, headers })
  const body = Readable.toWeb(await ctx.blobs.open(file.sha256, range))
  return new Response(body as ReadableStream<Uint8Array>, { status, headers })
}

const fileProblems = ['media_not_found', 'media_waiting', 'media_failed', 'media_removed'] as const

const fileAnswers = (...more: readonly ProblemCode[]): Route['doc']['responses'] => ({
  200: binary('The file'),
  206: binary('The part of it that `Range` names'),
  304: { description: 'It is the one that `If-None-Match` names' },
  ...problems(...fileProblems, 'range_not_satisfiable', ...more),
})

/** The files that messages come and go with. */
export const fileRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}/media',
      operationId: 'getMessageMedia',
      summary: 'The file of a message',
      description:
        'As it was sent, decrypted and checked. 409 `media_waiting` while it is fetched from WhatsApp, 409 `media_failed` when it could not be had, 410 when it was removed.',
      tags,
      request: { params: messageParams, headers: rangeHeaders },
      responses: fileAnswers('message_not_found'),
    },
    handle: async (c, ctx) => answerFile(c, ctx, await getMessageFile(ctx, { id: pathParam(c, 'id') })),
  },
  {
    doc: {
      method: 'post',
      path: '/api/messages/{id}/media/retry',
      operationId: 'fetchMessageMedia',
      summary: 'Have the file of a message fetched from WhatsApp',
      description:
        'One that is not fetched by itself, has failed or was removed. What the media hosts have no more is asked for from the phone, which must be online. 200 when it is here already.',
      tags,
      request: { params: messageParams },
      responses: {
        200: jsonAnswer('The file, which is here', fileSchema),
        202: jsonAnswer('The file, which is being fetched', fileSchema),
        ...problems('message_not_found', 'media_not_found', 'media_removed'),
      },
    },
    handle: async (c, ctx) => {
      const file = await fetchFile(ctx, { id: pathParam(c, 'id') })
      return replyJson(c, toFile(file), { status: file.state === 'stored' ? 200 : 202 })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/messages/{id}/thumbnail',
      operationId: 'getMessageThumbnail',
      summary: 'The small picture of the file of a message, as JPEG',
      description: 'What came with the message: it is here before the file is.',
      tags,
      request: { params: messageParams },
      responses: {
        200: {
          description: 'The picture',
          content: { 'image/jpeg': { schema: z.any().openapi({ type: 'string', format: 'binary' }) } },
        },
        ...problems('message_not_found', 'media_not_found'),
      },
    },
    handle: async (c, ctx) => {
      const { thumbnail } = await getMessageFile(ctx, { id: pathParam(c, 'id') })
      if (thumbnail === null) throw new OutcomeProblem('media_not_found', 'the file has no small picture')
      return reply(c, Uint8Array.from(thumbnail), 'image/jpeg', { headers: guards })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/media/{id}',
      operationId: 'getMedia',
      summary: 'A file by its `uploadId`',
      tags,
      request: { params: fileParams, headers: rangeHeaders },
      responses: fileAnswers(),
    },
    handle: async (c, ctx) => answerFile(c, ctx, await getFile(ctx, { id: pathParam(c, 'id') })),
  },
  {
    doc: {
      method: 'delete',
      path: '/api/media/{id}',
      operationId: 'removeMedia',
      summary: 'Remove a file',
      description:
        'Its bytes go with it, unless another file has the same; those of one that was stored in the last minutes go a little later. 409 while a message needs it that is not sent yet.',
      tags,
      request: { params: fileParams },
      responses: {
        200: jsonAnswer('The file, removed', fileSchema),
        ...problems('media_not_found', 'media_in_use'),
      },
    },
    handle: async (c, ctx) => replyJson(c, toFile(await removeFile(ctx, { id: pathParam(c, 'id') }))),
  },
]
