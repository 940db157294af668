export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
/** `pretty` is for people, `json` for machines. */
export type LogFormat = 'pretty' | 'json'

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** Structured log lines: a static message in lower case, and fields. Errors go in the field `err`. */
export interface Log {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
  child(fields: Readonly<Record<string, unknown>>): Log
}
