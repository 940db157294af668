/** Server-sent events, made while they are read (WHATWG HTML, 9.2). */
import type { EventTail } from '../control/event-feed.ts'
import { CursorTooOldError } from '../domain/errors.ts'
import type { Event } from '../domain/event.ts'
import { eventText } from './wire/events.ts'

/** A client whose stream has ended comes back after so long. */
const retryMs = 2_000

/** It is stored as the place to resume from: `EventSource` does so though nothing is dispatched. */
const placeOf = (seq: number): string => `id: ${seq}\n\n`
const entryOf = (event: Event): string =>
  `id: ${event.seq}\nevent: ${event.type}\ndata: ${eventText(event)}\n\n`
const goneOf = ({ code, message, oldest }: CursorTooOldError): string =>
  `event: ${code}\ndata: ${JSON.stringify({ code, detail: message, oldest })}\n\n`

/**
 * The text of a stream. What is next is read when somebody takes it, and no sooner: of a client that does not read, one batch
 * waits. It ends when the tail does; a failure ends it too, since a client that comes back misses nothing.
 */
export const eventStream = (
  tail: EventTail,
  { beatMs, onError }: { readonly beatMs: number; readonly onError: (error: unknown) => void },
): ReadableStream<Uint8Array> => {
  const encoder = new TextEncoder()
  let begun = false
  let cancelled = false

  const next = async (): Promise<string | undefined> => {
    if (!begun) {
      begun = true
      return `retry: ${retryMs}\n${placeOf(tail.cursor)}`
    }
    const events = await tail.next(beatMs)
    if (events === undefined) return undefined
    return events.length === 0 ? `:\n${placeOf(tail.cursor)}` : events.map(entryOf).join('')
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const text = await next()
          if (cancelled) return
          if (text !== undefined) return controller.enqueue(encoder.encode(text))
        } catch (error) {
          if (error instanceof CursorTooOldError) controller.enqueue(encoder.encode(goneOf(error)))
          else onError(error)
        }
        tail.close()
        controller.close()
      },
      cancel() {
        cancelled = true
        tail.close()
      },
    },
    { highWaterMark: 0 },
  )
}
