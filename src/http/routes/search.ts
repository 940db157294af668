import { z } from '@hono/zod-openapi'
import { searchMessages } from '../../control/search-messages.ts'
import { defined, pathParam, queryOf } from '../input.ts'
import { replyJson } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { deviceIdSchema } from '../wire/device.ts'
import { pageInput } from '../wire/page.ts'
import { deviceSearchQuery, foundSchema, searchQuery, toFound } from '../wire/search.ts'

const tags = ['messages']
const description =
  'Texts, captions, options of polls, names of files and contacts. `order=rank` gives the best matches first, a thousand at most. Acts and deleted messages are not found; an edited one by what it says now.'
const responses = {
  200: jsonAnswer('A page of messages, with what was found in them', foundSchema),
  ...problems('invalid_device_id', 'invalid_query', 'device_not_found'),
}

export const searchRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/search',
      operationId: 'search',
      summary: 'Search the messages of all devices, newest first',
      description,
      tags,
      request: { query: searchQuery },
      responses,
    },
    handle: async (c, ctx) => {
      const { limit, cursor, q, order, device, ...given } = queryOf(c, searchQuery)
      const filter = defined({ ...given, deviceId: device })
      return replyJson(
        c,
        toFound(await searchMessages(ctx, { q, order, filter, page: pageInput({ limit, cursor }) })),
      )
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/devices/{id}/search',
      operationId: 'searchDevice',
      summary: 'Search the messages of a device, newest first',
      description,
      tags,
      request: { params: z.strictObject({ id: deviceIdSchema }), query: deviceSearchQuery },
      responses,
    },
    handle: async (c, ctx) => {
      const { limit, cursor, q, order, ...given } = queryOf(c, deviceSearchQuery)
      const filter = { ...defined(given), deviceId: pathParam(c, 'id') }
      return replyJson(
        c,
        toFound(await searchMessages(ctx, { q, order, filter, page: pageInput({ limit, cursor }) })),
      )
    },
  },
]
