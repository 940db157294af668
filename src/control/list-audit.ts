import { GatewayError } from '../domain/errors.ts'
import type { AuditEntry, AuditFilter, AuditStore, Page } from '../store/store.ts'
import type { ControlContext } from './context.ts'
import type { PageInput } from './page.ts'

export type { AuditEntry } from '../store/store.ts'

/** The entries of the audit trail, newest first. */
export const listAudit = (
  ctx: ControlContext,
  {
    filter: { targetKind, targetId, ...filter },
    page,
  }: {
    filter: Omit<AuditFilter, 'target'> & { readonly targetKind?: string; readonly targetId?: string }
    page: PageInput
  },
): Promise<Page<AuditEntry>> => {
  if (targetKind === undefined) {
    if (targetId === undefined) return ctx.store.audit.list(filter, page)
    throw new GatewayError('invalid_query', 'targetId goes with targetKind: which kind of thing has that id')
  }
  const target = { kind: targetKind, ...(targetId === undefined ? {} : { id: targetId }) }
  return ctx.store.audit.list({ ...filter, target }, page)
}

/** Entries that are in memory at a time. */
export const auditExportRows = 500

/**
 * All entries that are there now and were written in this time, in the order of the chain, page by page as they are asked for.
 * The first page is read at once: a database that cannot be read shows before anything is answered.
 */
export const exportAudit = async (
  { store: { audit } }: { readonly store: { readonly audit: AuditStore } },
  { after, before }: Pick<AuditFilter, 'after' | 'before'>,
): Promise<AsyncIterable<readonly AuditEntry[]>> => {
  const isAll = after === undefined && before === undefined
  const times = { ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) }
  const span = isAll ? { first: 0, last: await audit.latest() } : await audit.span(times)
  const read = (from: number): Promise<readonly AuditEntry[]> =>
    span === undefined ? Promise.resolve([]) : audit.after(from, auditExportRows, span.last)
  const isWanted = ({ at }: AuditEntry): boolean =>
    (after === undefined || at >= after) && (before === undefined || at < before)
  const first = await read((span?.first ?? 0) - 1)
  const pages = async function* (): AsyncGenerator<readonly AuditEntry[]> {
    for (let page = first; ; ) {
      const last = page.at(-1)
      if (last === undefined) return
      yield page.filter(isWanted)
      page = await read(last.seq)
    }
  }
  return pages()
}
