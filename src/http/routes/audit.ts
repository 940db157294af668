import { z } from '@hono/zod-openapi'
import { type AuditEntry, exportAudit, listAudit } from '../../control/list-audit.ts'
import { dispositionOf } from '../disposition.ts'
import { defined, queryOf } from '../input.ts'
import { replyJson, replyStream } from '../reply.ts'
import { jsonAnswer, problems, type Route } from '../route.ts'
import { auditLines, auditQuery, auditSchema, auditTimes, toAudit } from '../wire/audit.ts'
import { pageInput } from '../wire/page.ts'

const tags = ['audit']
const exportQuery = z.strictObject(auditTimes)
const contentType = 'application/x-ndjson'

const chunks = async function* (pages: AsyncIterable<readonly AuditEntry[]>): AsyncGenerator<string> {
  for await (const page of pages) if (page.length > 0) yield auditLines(page)
}

export const auditRoutes: readonly Route[] = [
  {
    doc: {
      method: 'get',
      path: '/api/audit',
      operationId: 'listAudit',
      summary: 'Who did what, newest first',
      description:
        'Every change, whoever made it. `after` and `before` are times. A page that had to look through very many entries may have fewer than `limit`, or none: only a `nextCursor` of null is the end.',
      tags,
      request: { query: auditQuery },
      responses: { 200: jsonAnswer('A page of entries', auditSchema), ...problems('invalid_query') },
    },
    handle: async (c, ctx) => {
      const { limit, cursor, ...filter } = queryOf(c, auditQuery)
      const page = pageInput({ limit, cursor })
      const { items, nextCursor } = await listAudit(ctx, { filter: defined(filter), page })
      return replyJson(c, { entries: items.map(toAudit), nextCursor })
    },
  },
  {
    doc: {
      method: 'get',
      path: '/api/audit/export',
      operationId: 'exportAudit',
      summary: 'The audit trail, oldest first, as a file',
      description:
        'An AuditEntry a line, in the order of the chain: each `hash` follows from the one before. What is written while it is read is not in it.',
      tags,
      request: { query: exportQuery },
      responses: {
        200: { description: 'The file', content: { [contentType]: { schema: z.string() } } },
        ...problems('invalid_query'),
      },
    },
    handle: async (c, ctx) => {
      const pages = await exportAudit(ctx, defined(queryOf(c, exportQuery)))
      return replyStream(c, chunks(pages), contentType, {
        headers: { 'Content-Disposition': dispositionOf(contentType, 'audit.jsonl') },
      })
    },
  },
]
