/** Which bytes of a file are answered with (RFC 9110, 13 and 14): conditions on its ETag, and one range. */
export interface FileConditions {
  readonly range: string | undefined
  readonly ifRange: string | undefined
  readonly ifNoneMatch: string | undefined
}

export type FilePart =
  | { readonly kind: 'whole' }
  /** Both ends included. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'not_modified' }
  | { readonly kind: 'unsatisfiable' }

const whole: FilePart = { kind: 'whole' }

/** A list, which RFC 9110 lets a server answer with the whole, is none; nor is what nobody understands. */
const oneRange = /^bytes=\s*(\d*)\s*-\s*(\d*)\s*$/i

const isNamed = (list: string, etag: string): boolean =>
  list.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag)

/** `etag` is a strong one, in its quotes. A date in `If-Range` is none of ours, and so the whole is answered. */
export const partOf = (
  { range, ifRange, ifNoneMatch }: FileConditions,
  etag: string,
  bytes: number,
): FilePart => {
  if (ifNoneMatch !== undefined && isNamed(ifNoneMatch, etag)) return { kind: 'not_modified' }
  if (range === undefined || (ifRange !== undefined && ifRange.trim() !== etag)) return whole
  const [, from = '', to = ''] = oneRange.exec(range.trim()) ?? []
  if (from === '' && to === '') return whole
  if (from === '') {
    const last = Math.min(Number(to), bytes)
    return last === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: bytes - last, end: bytes - 1 }
  }
  const start = Number(from)
  if (to !== '' && Number(to) < start) return whole
  if (start >= bytes) return { kind: 'unsatisfiable' }
  return { kind: 'part', start, end: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) }
}
