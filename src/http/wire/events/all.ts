/** Every event on the wire: its schema, its version and an example of it. Complete by type, or it does not compile. */
import { z } from '@hono/zod-openapi'
import { eventMeanings, eventTypes } from '../../../domain/event-types.ts'
import type { EventType } from '../../../domain/event.ts'
import type { ShownEvent } from '../../../domain/shown-event.ts'
import { deviceIdSchema } from '../device.ts'
import { isoSchema } from '../time.ts'
import { accountEvents } from './account.ts'
import { deviceEvents } from './device.ts'
import { messageEvents } from './message.ts'
import type { EventSpec, EventSpecs } from './spec.ts'
import { bulkEvents, mediaEvents, operationEvents, webhookEvents } from './work.ts'

const specs: EventSpecs<EventType> = {
  ...deviceEvents,
  ...messageEvents,
  ...mediaEvents,
  ...bulkEvents,
  ...operationEvents,
  ...accountEvents,
  ...webhookEvents,
}

export interface EventKind {
  readonly type: EventType
  readonly meaning: string
  /** Grows with every note. */
  readonly version: number
  readonly notes: readonly string[]
  readonly schema: z.ZodObject
  readonly example: ShownEvent
}

/** `message.deleted_for_me` -> `MessageDeletedForMe`. */
const named = (type: string): string =>
  type.replaceAll(/(^|[._])(\w)/g, (_match, _start, letter: string) => letter.toUpperCase())

const kindOf = (type: EventType): EventKind => {
  const { notes, data, example }: EventSpec<EventType> = specs[type]
  const ofGateway = type.startsWith('webhook.')
  const schema = z
    .strictObject({
      seq: z.int().openapi({ description: 'Grows with every event; the cursor of the log' }),
      id: z.string().openapi({ description: 'Never changes, by whatever way and however often it comes' }),
      type: z.literal(type),
      deviceId: ofGateway ? z.null() : deviceIdSchema,
      at: isoSchema,
      data,
    })
    .openapi(`${named(type)}Event`)
  return {
    type,
    meaning: eventMeanings[type],
    version: notes.length + 1,
    notes,
    schema,
    example: {
      seq: 4711,
      id: 'evt_01jdb2v9x4k7q2m5n8p3r6t9w1',
      type,
      deviceId: ofGateway ? null : 'myphone',
      at: '2025-11-16T02:18:05.123Z',
      data: example,
    },
  }
}

export const eventKinds: readonly EventKind[] = eventTypes.map(kindOf)

export const eventSchema = z.union(eventKinds.map(({ schema }) => schema)).openapi('Event')
