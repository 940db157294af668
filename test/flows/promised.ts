import { expect } from 'vitest'
import type { Event } from '../../src/domain/event.ts'
import { shownEvent } from '../../src/domain/shown-event.ts'
import { brokenPromise } from '../http/promised-events.ts'
import type { World } from './world.ts'

/** Closes a world in which all that happened must have been told as the OpenAPI document says. */
export const closePromised = async (world: World): Promise<void> => {
  const rows = world.query<Omit<Event, 'data'> & { readonly data: string }>(
    'select seq, id, at, type, device_id as deviceId, data from events order by seq',
  )
  await world.close()
  const events = rows.map(({ data, ...row }) => ({ ...row, data: JSON.parse(data) as unknown }) as Event)
  expect(events.flatMap((event) => brokenPromise(shownEvent(event)) ?? []).slice(0, 3)).toEqual([])
}
