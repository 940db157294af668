import type { WASocket } from '@whiskeysockets/baileys'
import { unsentMaxBytes } from './transport.ts'

/**
 * Keeps frames back until what was written before them is durable. So Baileys can go on with the next message while the
 * disk is busy with this one, and several share its fsync; nothing that depends on a row is seen outside before the row
 * is safe.
 */
export interface FrameGate {
  /** A write has begun: frames that are sent from now on wait for it. Call what it returns when it is durable. */
  begin(): () => void
  /** Leads the frames of this socket through the gate. */
  guard(ws: WASocket['ws']): void
  /** Throws away what waits, and lets nothing more pass. */
  close(): void
}

type Sent = (error?: Error) => void

/** Of the WebSocket library, which Baileys' own client keeps in a private member (Socket/Client/websocket.js). */
interface Sending {
  send(frame: Uint8Array, sent?: Sent): void
}

interface Waiting {
  /** The number of the last write that had begun. */
  readonly after: number
  readonly frame: Uint8Array
}

/** `onFull` is told when more waits than may. */
export const createFrameGate = (onFull: (error: Error) => void): FrameGate => {
  const writing = new Set<number>()
  let begun = 0
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let isClosed = false
  let pass: (frame: Uint8Array, sent?: Sent) => void = () => undefined

  const release = (): void => {
    const [oldest = Number.POSITIVE_INFINITY] = writing
    const free = waiting.findIndex(({ after }) => after >= oldest)
    const frames = waiting.splice(0, free < 0 ? waiting.length : free)
    for (const { frame } of frames) {
      waitingBytes -= frame.length
      // It fails only on a connection that is closing, which tells why by itself.
      pass(frame, () => undefined)
    }
  }

  return {
    begin() {
      begun += 1
      const write = begun
      writing.add(write)
      return () => {
        writing.delete(write)
        if (!isClosed) release()
      }
    },
    guard(ws) {
      const { socket } = ws as unknown as { socket: Sending }
      pass = socket.send.bind(socket)
      socket.send = (frame, sent) => {
        if (isClosed) return sent?.(new Error('Connection Closed'))
        if (writing.size === 0) return pass(frame, sent)
        waiting.push({ after: begun, frame })
        waitingBytes += frame.length
        // Baileys holds a lock of the account until it hears that a frame is written: nobody else could send meanwhile.
        sent?.()
        if (waitingBytes > unsentMaxBytes)
          onFull(new Error(`more than ${unsentMaxBytes} bytes wait for the disk`))
      }
    },
    close() {
      isClosed = true
      waiting = []
      waitingBytes = 0
    },
  }
}
