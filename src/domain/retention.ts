/** How long what is settled is kept. */

/** What is swept, in this order: a bulk goes after its messages, and what is on its way is given up before its event. */
export const sweptLogs = [
  'messages',
  'operations',
  'bulks',
  'numbers',
  'events',
  'deliveries',
  'history',
  'audit',
] as const
export type SweptLog = (typeof sweptLogs)[number]

/** Ages are in ms; null: for ever. */
export interface Retention {
  /** Also of operations, bulks and what WhatsApp said of numbers. */
  readonly messagesMs: number | null
  readonly eventsMs: number | null
  /** So many of the newest events are kept at most. */
  readonly eventsMax: number
  /** Of deliveries that are settled, with their attempts. */
  readonly deliveriesMs: number | null
  /** Of the changes of status of devices; the newest of each stays. */
  readonly historyMs: number | null
  readonly auditMs: number | null
}

/** What may go: what is older than `before` (ms; null: nothing for its age), and what is not among the newest `keepMax`. */
export interface Cut {
  readonly before: number | null
  readonly keepMax: number | null
}

/** Null when all of it is kept. */
export const cutOf = (log: SweptLog, retention: Retention, now: number): Cut | null => {
  const byAge = (ageMs: number | null): Cut | null =>
    ageMs === null ? null : { before: now - ageMs, keepMax: null }
  switch (log) {
    case 'messages':
    case 'operations':
    case 'bulks':
    case 'numbers':
      return byAge(retention.messagesMs)
    case 'events':
      return { before: byAge(retention.eventsMs)?.before ?? null, keepMax: retention.eventsMax }
    case 'deliveries':
      return byAge(retention.deliveriesMs)
    case 'history':
      return byAge(retention.historyMs)
    case 'audit':
      return byAge(retention.auditMs)
  }
}
