/** Events that a test has caused, held against what the OpenAPI document promises of them. */
import { expect } from 'vitest'
import type { Event } from '../../src/domain/event.ts'
import { shownEvent, type ShownEvent } from '../../src/domain/shown-event.ts'
import { eventKinds } from '../../src/http/wire/events/all.ts'
import { type Store, StoreError } from '../../src/store/store.ts'

const pageEvents = 1_000
const schemas = new Map<string, (typeof eventKinds)[number]['schema']>(
  eventKinds.map(({ type, schema }) => [type, schema]),
)

/** What is wrong with an event; undefined when it is as promised. */
export const brokenPromise = (event: ShownEvent): string | undefined => {
  const parsed = schemas.get(event.type)?.safeParse(event)
  return parsed?.success === true
    ? undefined
    : `${event.type}: ${parsed?.error.message ?? 'there is no such type'}: ${JSON.stringify(event.data)}`
}

const logOf = async ({ events }: Pick<Store, 'events'>): Promise<readonly Event[]> => {
  const all: Event[] = []
  for (let page = pageEvents; page === pageEvents; ) {
    const more = await events.after(all.at(-1)?.seq ?? 0, { limit: pageEvents })
    all.push(...more)
    page = more.length
  }
  return all
}

/** All that is in the log is as the document says. Of a store that the test has closed nothing can be said. */
export const expectPromisedEvents = async (store: Pick<Store, 'events'>): Promise<void> => {
  const log = await logOf(store).catch((error: unknown) => {
    if (error instanceof StoreError && error.kind === 'closed') return []
    throw error
  })
  expect(log.flatMap((event) => brokenPromise(shownEvent(event)) ?? []).slice(0, 3)).toEqual([])
}
