import { z } from '@hono/zod-openapi'
import { sendFile, takeFile } from '../../control/send-file.ts'
import { type GivenFile, uploadFile } from '../../control/upload-file.ts'
import type { Media } from '../../domain/media.ts'
import { check, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { bodyFile, checkIsForm, formType, isForm, readForm } from '../upload.ts'
import { deviceIdSchema } from '../wire/device.ts'
import {
  sendFileFields,
  sendFileForm,
  sentFileSchema,
  toSentFile,
  toUpload,
  uploadForm,
  uploadQuery,
  uploadSchema,
} from '../wire/media.ts'
import { sendHeaders, sendOptions, sendProblems, sentAnswer } from './messages.ts'

/** What a file is called that came without a name. */
const unnamed = 'file'

export const uploadRoutes: readonly Route[] = [
  {
    doc: {
      method: 'post',
      path: '/api/media',
      operationId: 'uploadMedia',
      summary: 'Upload a file, to send it by its id as often as you like',
      description:
        'As the field `file` of a form, or as the body itself with its Content-Type. It is written to disk as it comes.',
      tags: ['media'],
      request: {
        query: uploadQuery,
        body: {
          required: true,
          content: {
            [formType]: { schema: uploadForm },
            'application/octet-stream': { schema: uploadForm.shape.file },
          },
        },
      },
      responses: {
        201: jsonAnswer('The file is kept', uploadSchema),
        ...problems('invalid_query', 'invalid_form', 'media_too_large', 'media_invalid'),
      },
    },
    handle: async (c, ctx) => {
      const { type = 'file', filename } = queryOf(c, uploadQuery)
      const request = c.req.raw
      const upload = (given: GivenFile): Promise<Media> =>
        uploadFile(ctx, { ...given, filename: filename ?? given.filename }, type, request.signal)
      const file = isForm(request) ? (await readForm(request, upload)).file : await upload(bodyFile(request))
      return replyJson(c, toUpload(file), { status: 201 })
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/send-media',
      operationId: 'sendMedia',
      summary: 'Send a file',
      description:
        'A form with the file. An image is sent as an image, a video and a sound as what they are, all else as a document. Answers like `/send`.',
      tags: ['messages'],
      request: {
        params: z.strictObject({ id: deviceIdSchema }),
        headers: sendHeaders,
        body: { required: true, content: { [formType]: { schema: sendFileForm } } },
      },
      responses: {
        200: jsonAnswer("WhatsApp's server has the message", sentFileSchema),
        202: jsonAnswer('The message is queued; its Location tells how it goes on', sentFileSchema),
        ...problems(
          ...sendProblems.filter((code) => code !== 'invalid_json' && code !== 'body_too_large'),
          'invalid_form',
          'media_too_large',
          'media_invalid',
        ),
      },
    },
    handle: async (c, ctx) => {
      checkIsForm(c.req.raw)
      const options = sendOptions(c)
      const { fields, file } = await readForm(c.req.raw, (part) => takeFile(ctx, pathParam(c, 'id'), part))
      const { to, caption } = check(sendFileFields, fields, 'invalid_body')
      const outcome = await sendFile(ctx, file, {
        to,
        ...(caption === undefined ? {} : { caption }),
        ...options,
      })
      const filename = outcome.file.filename ?? unnamed
      return sentAnswer(c, outcome, options, (kind, sent) => toSentFile(kind, sent, filename))
    },
  },
]
