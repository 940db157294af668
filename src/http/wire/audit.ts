import { z } from '@hono/zod-openapi'
import type { AuditEntry } from '../../control/list-audit.ts'
import { actorKinds } from '../../domain/audit.ts'
import { nextCursorSchema, pageQuery } from './page.ts'
import { iso, isoSchema, timeQuery } from './time.ts'

export const auditTimes = { after: timeQuery, before: timeQuery }

const nameCharsMax = 256
const name = z.string().min(1).max(nameCharsMax).optional()

export const auditQuery = z.strictObject({
  ...pageQuery,
  actor: z.enum(actorKinds).optional(),
  action: z
    .string()
    .regex(/^[a-z_.]{1,64}\*?$/, 'must be an action such as device.remove, or the first of it and a *')
    .optional()
    .openapi({ description: 'An action, or many: `device.*`', example: 'device.remove' }),
  targetKind: name.openapi({ description: 'The kind of thing that was changed', example: 'device' }),
  targetId: name.openapi({ description: 'Goes with `targetKind`', example: 'myphone' }),
  requestId: name.openapi({ description: 'The `X-Request-Id` of an answer' }),
  ...auditTimes,
})

const saidSchema = z
  .record(z.string(), z.unknown())
  .nullable()
  .openapi({ description: 'The members that matter, never secrets' })
const hashSchema = z
  .string()
  .nullable()
  .openapi({ description: 'SHA-256; null in entries from before the chain' })

export const auditEntrySchema = z
  .strictObject({
    seq: z.int(),
    id: z.string(),
    at: isoSchema,
    actor: z.strictObject({
      kind: z.enum(actorKinds),
      id: z
        .string()
        .nullable()
        .openapi({ description: 'The process; null for the API and the command line' }),
    }),
    address: z.string().nullable().openapi({ description: 'Where the request came from' }),
    requestId: z.string(),
    action: z.string().openapi({ example: 'device.remove' }),
    target: z.strictObject({ kind: z.string(), id: z.string() }),
    before: saidSchema,
    after: saidSchema,
    erasedBy: z
      .string()
      .nullable()
      .openapi({ description: 'The entry that says that the content of this one was erased' }),
    contentHash: hashSchema,
    hash: hashSchema,
  })
  .openapi('AuditEntry')

export const auditSchema = z
  .strictObject({ entries: z.array(auditEntrySchema), nextCursor: nextCursorSchema })
  .openapi('AuditEntries')

export const toAudit = (entry: AuditEntry): z.output<typeof auditEntrySchema> => {
  const { seq, id, at, origin, action, target, before, after, erasedBy, contentHash, hash } = entry
  return {
    seq,
    id,
    at: iso(at),
    actor: { kind: origin.actor.kind, id: 'id' in origin.actor ? origin.actor.id : null },
    address: origin.address ?? null,
    requestId: origin.requestId,
    action,
    target,
    before,
    after,
    erasedBy,
    contentHash,
    hash,
  }
}

/** A page of an export: an entry a line. */
export const auditLines = (page: readonly AuditEntry[]): string =>
  page.map((entry) => `${JSON.stringify(toAudit(entry))}\n`).join('')
