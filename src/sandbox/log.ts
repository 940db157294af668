type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where the sandbox tells what it does. Never given keys, codes or the text of messages. */
export type Log = (level: LogLevel, fields: Readonly<Record<string, unknown>>, message: string) => void
