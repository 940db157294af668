import { GatewayError } from '../domain/errors.ts'
import { eventTypes, typesMeant } from '../domain/event-types.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import type { EventTail } from './event-feed.ts'
import { cursorOf, readLog, type After, type LogFilter, type LogPage } from './read-log.ts'

export const eventsLimitMax = 1_000
export const eventsLimitDefault = 100
export const eventsWaitMaxSeconds = 60
/** Patterns and devices that a filter may name. */
const filterItemsMax = 100

/** Of a type that there is none of, so much is quoted. */
const quotedCharsMax = 64

export interface EventsWanted {
  readonly after: After
  /** Types, or all of a noun: `message.*`. */
  readonly types?: readonly string[]
  readonly deviceIds?: readonly string[]
}

const checkCount = (name: string, values: readonly string[]): void => {
  if (values.length > filterItemsMax) {
    throw new GatewayError('invalid_query', `${name}: at most ${filterItemsMax} can be named`)
  }
}

const filterOf = ({ types: patterns, deviceIds }: EventsWanted): LogFilter => {
  checkCount('types', patterns ?? [])
  checkCount('device', deviceIds ?? [])
  const { types, unknown } = typesMeant(patterns ?? [])
  const [stranger] = unknown
  if (stranger !== undefined) {
    throw new GatewayError(
      'invalid_query',
      `types: there is no ${JSON.stringify(stranger.slice(0, quotedCharsMax).toWellFormed())} (known: ${eventTypes.join(', ')})`,
    )
  }
  return {
    ...(patterns === undefined ? {} : { types }),
    ...(deviceIds === undefined ? {} : { deviceIds: deviceIds.map(checkDeviceId) }),
  }
}

/** A page of the log, and what is left of it. */
export interface EventsRead extends LogPage {
  readonly latest: number
  readonly oldest: number
}

/** The events behind a cursor. When there are none it waits for some, at most `waitMs`. */
export const readEvents = async (
  { store, feed }: ControlContext,
  wanted: EventsWanted & { readonly limit: number; readonly waitMs: number },
  signal?: AbortSignal,
): Promise<EventsRead> => {
  const filter = filterOf(wanted)
  const { limit, waitMs } = wanted
  const begin = await cursorOf(store.events, wanted.after)
  const until = await store.events.latest()
  let page = await readLog(store.events, begin, { ...filter, limit, until })
  if (page.events.length === 0 && waitMs > 0) {
    const tail = feed.open(page.next, filter, signal)
    try {
      const events = (await tail.next(waitMs, limit)) ?? []
      page = { events, next: tail.cursor }
    } finally {
      tail.close()
    }
  }
  const [latest, floor] = await Promise.all([store.events.latest(), store.events.floor()])
  return { ...page, latest, oldest: floor + 1 }
}

/** A tail of the log for a stream; whoever opens it closes it, or aborts the signal. */
export const openEvents = async (
  { store, feed }: ControlContext,
  wanted: EventsWanted,
  signal?: AbortSignal,
): Promise<EventTail> => {
  const filter = filterOf(wanted)
  return feed.open(await cursorOf(store.events, wanted.after), filter, signal)
}
