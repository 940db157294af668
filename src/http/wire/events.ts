/** The event log on the wire: how it is asked for, a page of it, and the text of an event. */
import { z } from '@hono/zod-openapi'
import {
  eventsLimitDefault,
  eventsLimitMax,
  eventsWaitMaxSeconds,
  type EventsRead,
  type EventsWanted,
} from '../../control/read-events.ts'
import type { Event } from '../../domain/event.ts'
import { shownEvent } from '../../domain/shown-event.ts'
import { eventSchema } from './events/all.ts'

const wholeNumber = (min: number, max: number, standard: number) => {
  const rule = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,4}$/, rule)
    .transform(Number)
    .refine((n) => n >= min && n <= max, rule)
    .default(standard)
    .openapi({ type: 'integer', minimum: min, maximum: max, default: standard })
}

const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .optional()

/** A cursor has 15 digits at most: more would be no exact number. */
const seqPattern = /^\d{1,15}$/

export const streamQuery = z.strictObject({
  after: z
    .union(
      [z.string().regex(seqPattern).transform(Number), z.literal('latest')],
      'must be a seq, or `latest`',
    )
    .optional()
    .openapi({
      type: 'string',
      description:
        'The `seq` of the last event that you have; `latest`: only what comes from now on. Without it, from the oldest that is kept',
      example: '4711',
    }),
  types: list.openapi({
    type: 'string',
    description: 'Types, or all of a noun, with commas between',
    example: 'message.*,device.status_changed',
  }),
  device: list.openapi({
    type: 'string',
    description: 'Ids of devices, with commas between',
    example: 'myphone',
  }),
})

export const eventsQuery = streamQuery.extend({
  limit: wholeNumber(1, eventsLimitMax, eventsLimitDefault),
  wait: wholeNumber(0, eventsWaitMaxSeconds, 0).openapi({
    description: 'When there is nothing new, wait for it so many seconds',
  }),
})

export const streamHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(seqPattern, 'must be the id of an event of this stream')
    .transform(Number)
    .optional()
    .openapi({
      type: 'string',
      description:
        'The id of the last event that you have; `EventSource` sends it by itself. It wins over `after`',
    }),
})

export const toWanted = ({ after, types, device }: z.output<typeof streamQuery>): EventsWanted => ({
  after: after ?? 'oldest',
  ...(types === undefined ? {} : { types }),
  ...(device === undefined ? {} : { deviceIds: device }),
})

export const eventsSchema = z
  .strictObject({
    events: z.array(eventSchema),
    next: z.int().openapi({
      description: 'Give it back as `after` to go on; it moves past events that the filter leaves out, too',
    }),
    latest: z.int().openapi({ description: 'The newest event that there is; 0 when there never was one' }),
    oldest: z.int().openapi({ description: 'The oldest event that is kept, or the first that will be' }),
  })
  .openapi('Events')

export const toEvents = ({ events, next, latest, oldest }: EventsRead) => ({
  events: events.map(shownEvent),
  next,
  latest,
  oldest,
})

const texts = new WeakMap<Event, string>()

/** An event as JSON, on one line. The same one may go to many streams: its text is made once. */
export const eventText = (event: Event): string => {
  const text = texts.get(event) ?? JSON.stringify(shownEvent(event))
  texts.set(event, text)
  return text
}
