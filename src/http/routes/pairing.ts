import { z } from '@hono/zod-openapi'
import { accepts } from 'hono/accepts'
import { getQr } from '../../control/get-qr.ts'
import { requestPairingCode } from '../../control/request-pairing-code.ts'
import { renderQr } from '../../qr/render.ts'
import type { RequestContext } from '../env.ts'
import { bodyOf, pathParam, queryOf } from '../input.ts'
import { OutcomeProblem } from '../problem.ts'
import { reply, replyJson } from '../reply.ts'
import { jsonAnswer, jsonBody, problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { pairingCodeBody, pairingCodeSchema, qrQuery } from '../wire/pairing.ts'

const tags = ['pairing']
const params = z.strictObject({ id: deviceIdSchema })

type QrFormat = NonNullable<z.output<typeof qrQuery>['format']>

const acceptedFormat = (c: RequestContext): QrFormat => {
  const type = accepts(c, {
    header: 'Accept',
    supports: ['image/png', 'image/svg+xml', 'text/plain'],
    default: 'image/png',
  })
  return type === 'image/svg+xml' ? 'svg' : type === 'text/plain' ? 'text' : 'png'
}

const qrAnswer = async (c: RequestContext, text: string, format: QrFormat): Promise<Response> => {
  switch (format) {
    case 'png':
      return reply(c, await renderQr(text, 'png'), 'image/png')
    case 'svg':
      return reply(c, await renderQr(text, 'svg'), 'image/svg+xml')
    case 'text':
      return reply(c, text, 'text/plain; charset=utf-8')
    case 'terminal':
      return reply(c, await renderQr(text, 'terminal'), 'text/plain; charset=utf-8')
  }
}

export const pairingRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/qr',
      operationId: 'getQr',
      summary: 'The QR code to scan now, as a picture or as text',
      tags,
      request: { params, query: qrQuery },
      responses: {
        200: {
          description: 'The QR code',
          content: {
            'image/png': { schema: z.string().openapi({ format: 'binary' }) },
            'image/svg+xml': { schema: z.string() },
            'text/plain': { schema: z.string() },
          },
        },
        ...problems('invalid_device_id', 'invalid_query', 'device_not_found', 'qr_not_available'),
      },
    },
    handle: async (c, ctx) => {
      const format = queryOf(c, qrQuery).format ?? acceptedFormat(c)
      return await qrAnswer(c, (await getQr(ctx, { id: pathParam(c, 'id') })).text, format)
    },
  },
  {
    doc: {
      method: 'post',
      path: '/api/devices/{id}/pairing-code',
      operationId: 'requestPairingCode',
      summary: 'Ask for an 8-character code to link a device without its QR code',
      description:
        'Works for a device that is started and not linked. Waits for the code for a bounded time; past it the request stands, and asking again starts it anew.',
      tags,
      request: { params, body: jsonBody(pairingCodeBody) },
      responses: {
        200: jsonAnswer('The code', pairingCodeSchema),
        ...problems(
          'invalid_device_id',
          'invalid_json',
          'device_not_found',
          'device_already_linked',
          'pairing_code_unavailable',
          'body_too_large',
          'unsupported_media_type',
          'invalid_body',
          'invalid_phone',
          'pairing_code_pending',
        ),
      },
    },
    handle: async (c, ctx) => {
      const id = pathParam(c, 'id')
      const answer = await requestPairingCode(ctx, { id, phone: (await bodyOf(c, pairingCodeBody)).phone })
      if (answer.kind === 'pending') {
        throw new OutcomeProblem(
          'pairing_code_pending',
          `there is no pairing code for device ${id} yet: the connector or WhatsApp has not answered in time; ask again`,
        )
      }
      return replyJson(c, { device: id, phone: answer.phone, code: answer.code })
    },
  },
]
