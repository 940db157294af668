import { GatewayError } from '../../domain/errors.ts'
import type { Page } from '../store.ts'

/** The `seq` that a cursor stands for; without one, a `seq` above all. Throws GatewayError `invalid_query`. */
export const parseCursor = (cursor: string | undefined): number => {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER
  if (!/^[1-9]\d{0,14}$/.test(cursor)) {
    throw new GatewayError('invalid_query', 'the cursor is none that an earlier page gave')
  }
  return Number(cursor)
}

/** A page out of `limit + 1` rows: the one too many tells that there is more. */
export const toPage = <T extends { readonly seq: number }>(rows: readonly T[], limit: number): Page<T> => {
  const items = rows.slice(0, limit)
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)?.seq) : null }
}
