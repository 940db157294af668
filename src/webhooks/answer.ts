/** What is kept of an endpoint's answer, and what it asks for. */

/** So much of an answer is read; then the connection is let go. */
export const answerBytesMax = 4_096
/** So much of it is kept with the attempt, in UTF-16 units. */
export const headCharsMax = 2_048

type Headers = Readonly<Record<string, string | string[] | undefined>>

const headersKept = ['content-type', 'content-length', 'location', 'retry-after', 'server']
const headerCharsMax = 200

const first = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.[0]

/** The line of its status, some of its headers, and the first bytes of its body, as text. */
export const headOf = (
  status: number,
  statusText: string,
  headers: Headers,
  body: readonly Uint8Array[],
): string => {
  const lines = headersKept.flatMap((name) => {
    const value = first(headers[name])
    return value === undefined ? [] : [`${name}: ${value.slice(0, headerCharsMax)}`]
  })
  const text = Buffer.concat(body).toString('utf8')
  const head = [`HTTP ${status} ${statusText}`.trim(), ...lines, '', text].join('\n').trimEnd()
  // A NUL ends a text for many who read the database.
  return head.replaceAll('\0', '\uFFFD').slice(0, headCharsMax).toWellFormed()
}

const secondMs = 1_000

/** The header Retry-After: seconds, or a date; null when it says nothing that can be understood. */
export const retryAfterMs = (headers: Headers, now: number): number | null => {
  const value = first(headers['retry-after'])?.trim() ?? ''
  if (/^\d{1,9}$/.test(value)) return Number(value) * secondMs
  const at = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
