import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface TransportOptions {
  /** wss:// or ws:// */
  readonly secure: boolean
  /** PEM: who may sign the server's certificate, in place of those whom Node trusts. */
  readonly ca?: string
  /** Asked right before bytes are handed to the operating system, never earlier. */
  readonly mayWrite: () => boolean
  /** Bytes were refused, and none of them has left. It must end the connection. */
  readonly onRefused: () => void
}

export interface Transport {
  /** What the WebSocket gets its TCP connection from. */
  readonly agent: HttpAgent | HttpsAgent
  /**
   * Ends the connection with a reset (TCP RST): unlike a close, it throws away what the kernel has not sent yet. A peer
   * that is slow or gone gets none of it later.
   */
  reset(): void
}

/**
 * More than this waits for a peer that takes nothing: the connection is ended. The largest frame there is (a message to
 * a group of 1,024 members with two devices each, all new) has half a megabyte.
 */
export const unsentMaxBytes = 4 * 1024 * 1024

const notAllowed = (): Error => new Error('Connection Closed: the lease does not allow another byte')

/**
 * The TCP connection under one WebSocket. Whatever leaves passes here: frames, the pongs and close frames of the
 * WebSocket library, the handshakes. A write that has to wait behind another is asked about when its turn comes; so of
 * what was written while it was allowed, no more is left in the process than the one write that the kernel has begun.
 */
export const createTransport = ({ secure, ca, mayWrite, onRefused }: TransportOptions): Transport => {
  let tcp: Socket | undefined

  const guard = (stream: Socket): void => {
    const write = stream.write.bind(stream)
    const writeOne = stream._write.bind(stream)
    const writeAll = stream._writev?.bind(stream)
    const refuse = (done: (error: Error) => void): void => {
      onRefused()
      done(notAllowed())
    }
    stream._write = (chunk, encoding, done) => (mayWrite() ? writeOne(chunk, encoding, done) : refuse(done))
    if (writeAll !== undefined) {
      stream._writev = (chunks, done) => (mayWrite() ? writeAll(chunks, done) : refuse(done))
    }
    stream.write = (...given: unknown[]): boolean => {
      const taken = Reflect.apply(write, stream, given) as boolean
      if (stream.writableLength > unsentMaxBytes) {
        stream.destroy(new Error(`more than ${unsentMaxBytes} bytes wait to be sent`))
      }
      return taken
    }
  }

  const agent = secure ? new HttpsAgent() : new HttpAgent()
  agent.createConnection = (options, created) => {
    const { host, port, timeout } = options
    const { servername } = options as { servername?: string }
    const opened = connect({ host: host ?? 'localhost', port: Number(port) })
    tcp = opened
    const failed = (error: Error): void => created?.(error, opened)
    const closed = (): void => failed(new Error('the connection was dropped before it was made'))
    const late = (): void => {
      opened.destroy(new Error(`no connection within ${timeout} ms`))
    }
    if (timeout !== undefined) opened.setTimeout(timeout, late)
    opened.once('error', failed).once('close', closed)
    opened.once('connect', () => {
      opened.off('error', failed).off('close', closed).off('timeout', late)
      if (!mayWrite()) {
        onRefused()
        return failed(notAllowed())
      }
      // Not before: the socket may try several addresses, each on a handle of its own, and TLS would stay on the first.
      const stream = secure
        ? connectTls({
            socket: opened,
            ...(host === null || host === undefined ? {} : { host }),
            ...(servername === undefined ? {} : { servername }),
            ...(ca === undefined ? {} : { ca }),
          })
        : opened
      if (timeout !== undefined) stream.setTimeout(timeout)
      guard(stream)
      created?.(null, stream)
    })
    return undefined
  }

  return {
    agent,
    reset() {
      if (tcp === undefined || tcp.destroyed) return
      if (tcp.connecting) tcp.destroy()
      else tcp.resetAndDestroy()
    },
  }
}
