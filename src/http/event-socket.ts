/** The event log over a WebSocket: one event a message. What the client says is not listened to. */
import type { WebSocket } from 'ws'
import type { EventTail, StreamTimes } from '../control/event-feed.ts'
import { DeadlineError, withDeadline } from '../runtime/deadline.ts'
import { CursorTooOldError } from '../domain/errors.ts'
import { eventText } from './wire/events.ts'

const closings = {
  stopping: 1001,
  failed: 1011,
  slow: 1013,
  cursorTooOld: 4410,
} as const

const send = (socket: WebSocket, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.send(text, (error) => (error ? reject(error) : resolve()))
  })

/** Pings a client; one of which nothing is heard for two pings is gone. Returns the way to stop. */
const keepAlive = (socket: WebSocket, { beatMs }: StreamTimes): (() => void) => {
  let missed = 0
  socket.on('pong', () => {
    missed = 0
  })
  const timer = setInterval(() => {
    // What is under way to a client that does not read holds up the ping too: that is for the one who sends to judge.
    if (socket.bufferedAmount > 0) return
    if (missed >= 2) return socket.terminate()
    missed += 1
    socket.ping()
  }, beatMs)
  return () => clearInterval(timer)
}

/**
 * Sends what the tail gives until it ends, or the client is gone. The next event is read when the one before has left: of a
 * client that does not read, one batch waits, and after `stallMs` it is told to resume, and let go.
 */
export const sendEvents = async (
  socket: WebSocket,
  tail: EventTail,
  { times, onError }: { readonly times: StreamTimes; readonly onError: (error: unknown) => void },
): Promise<void> => {
  const stopPings = keepAlive(socket, times)
  socket.once('close', () => tail.close())
  // What is wrong with a connection closes it, too.
  socket.on('error', () => undefined)
  // Frames come in order: who reads a close has read all that was sent before it.
  let told = tail.cursor
  try {
    for (
      let events = await tail.next(times.beatMs);
      events !== undefined;
      events = await tail.next(times.beatMs)
    ) {
      for (const event of events) {
        told = event.seq
        await withDeadline(send(socket, eventText(event)), times.stallMs, 'an event')
      }
      told = tail.cursor
    }
    socket.close(closings.stopping, `resume after ${told}`)
  } catch (error) {
    if (socket.readyState !== socket.OPEN) return
    if (error instanceof DeadlineError) socket.close(closings.slow, `too slow: resume after ${told}`)
    else if (error instanceof CursorTooOldError) {
      socket.close(closings.cursorTooOld, `events before ${error.oldest} are not kept any more`)
    } else {
      onError(error)
      socket.close(closings.failed, `resume after ${told}`)
    }
  } finally {
    tail.close()
    stopPings()
  }
}
