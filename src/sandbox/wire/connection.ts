import type { Socket } from 'node:net'
import { inflateSync } from 'node:zlib'
import { type BinaryNode, decodeBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys'
import type { WebSocket } from 'ws'
import { createLock } from '../../runtime/lock.ts'
import type { NoiseIdentity } from './certificates.ts'
import { createFrameReader, frame, frameMaxBytes, handshakeFrameMaxBytes, WireError } from './frames.ts'
import { answerHello, type FinishedHandshake, type TransportCipher } from './noise.ts'

/** Where a WebSocket is in its life. Only `open` carries stanzas. */
type State =
  | { readonly kind: 'hello' }
  | { readonly kind: 'finish'; readonly finish: (frame: Uint8Array) => FinishedHandshake }
  | { readonly kind: 'open'; readonly cipher: TransportCipher }
  | { readonly kind: 'closed' }

export interface ConnectionHandlers {
  onHandshake(connection: Connection, handshake: FinishedHandshake): void
  onNode(connection: Connection, node: BinaryNode): void
  /** Called once, when the socket is gone; `refused` says why the sandbox closed it, if it did. */
  onClose(connection: Connection, refused: string | undefined): void
  /** ms that the next frame has to wait before it is written. */
  delayMs(connection: Connection): number
}

/** One WebSocket of a client. */
export interface Connection {
  readonly openedAt: number
  readonly isOpen: boolean
  readonly isFrozen: boolean
  /** Encrypts and writes a stanza; nothing happens when the connection is closed or frozen. */
  send(node: BinaryNode): void
  /** Writes bytes at once, past all order: encrypted in place of a stanza, or as a binary or text message. */
  sendRaw(bytes: Uint8Array, as: 'stanza' | 'message' | 'text'): void
  /** Closes politely, after what was sent before. */
  close(): void
  /** Cuts the TCP connection with a reset, as a dying network does. */
  reset(): void
  /** Half open: from now on nothing is read, answered or written, and the client is not told. */
  freeze(): void
}

/** A client that lets more than this wait unread is cut off. */
const sendBufferMaxBytes = 64 * 1024 * 1024
const closeNormal = 1000
const compressedFlag = 2

/** Baileys' decoder inflates without a bound; a small frame must not become gigabytes. */
const inflateBounded = (plaintext: Buffer): Buffer => {
  if (plaintext.length === 0) throw new WireError('empty stanza')
  if ((plaintext.readUInt8(0) & compressedFlag) === 0) return plaintext
  const inflated = inflateSync(plaintext.subarray(1), { maxOutputLength: frameMaxBytes })
  return Buffer.concat([Buffer.from([0]), inflated])
}

export const acceptConnection = (
  socket: WebSocket,
  tcp: Socket,
  identity: NoiseIdentity,
  handlers: ConnectionHandlers,
  now: number,
): Connection => {
  const reader = createFrameReader()
  const inOrder = createLock()
  const queue: { readonly node: BinaryNode; readonly dueAt: number }[] = []
  let state: State = { kind: 'hello' }
  let frozen = false
  let closing = false
  let refused: string | undefined
  let drainTimer: NodeJS.Timeout | undefined

  const refuse = (error: unknown): void => {
    refused = error instanceof Error ? error.message : String(error)
    state = { kind: 'closed' }
    socket.close(closeNormal)
  }

  const write = (node: BinaryNode): void => {
    if (state.kind !== 'open' || frozen) return
    if (socket.bufferedAmount > sendBufferMaxBytes) return connection.reset()
    socket.send(frame(state.cipher.encrypt(encodeBinaryNode(node))))
  }

  const drain = (): void => {
    drainTimer = undefined
    for (let head = queue[0]; head !== undefined; head = queue[0]) {
      const waitMs = head.dueAt - performance.now()
      if (waitMs > 0) {
        drainTimer = setTimeout(drain, waitMs)
        return
      }
      queue.shift()
      write(head.node)
    }
    if (closing) socket.close(closeNormal)
  }

  const handleFrame = async (bytes: Buffer): Promise<void> => {
    switch (state.kind) {
      case 'hello': {
        const { reply, finish } = answerHello(identity, reader.header ?? Buffer.alloc(0), bytes)
        state = { kind: 'finish', finish }
        socket.send(frame(reply))
        return
      }
      case 'finish': {
        const handshake = state.finish(bytes)
        state = { kind: 'open', cipher: handshake.cipher }
        handlers.onHandshake(connection, handshake)
        return
      }
      case 'open': {
        const node = await decodeBinaryNode(inflateBounded(state.cipher.decrypt(bytes)))
        handlers.onNode(connection, node)
        return
      }
      case 'closed':
        return
      default:
        state satisfies never
    }
  }

  const maxBytes = (): number => (state.kind === 'open' ? frameMaxBytes : handshakeFrameMaxBytes)

  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (frozen) return
    void inOrder(async () => {
      if (state.kind === 'closed' || frozen || closing) return
      try {
        if (!isBinary) throw new WireError('text frame')
        for (const bytes of reader.push(data, maxBytes)) await handleFrame(bytes)
      } catch (error) {
        refuse(error)
      }
    })
  })
  socket.on('error', (error) => {
    refused ??= error.message
  })
  socket.on('close', () => {
    state = { kind: 'closed' }
    clearTimeout(drainTimer)
    queue.length = 0
    handlers.onClose(connection, refused)
  })

  const connection: Connection = {
    openedAt: now,
    get isOpen() {
      return state.kind === 'open'
    },
    get isFrozen() {
      return frozen
    },
    send(node) {
      if (state.kind !== 'open' || frozen || closing) return
      const waitMs = handlers.delayMs(connection)
      if (waitMs === 0 && queue.length === 0) return write(node)
      queue.push({ node, dueAt: performance.now() + waitMs })
      if (drainTimer === undefined) drainTimer = setTimeout(drain, waitMs)
    },
    sendRaw(bytes, as) {
      if (state.kind !== 'open' || frozen) return
      const written = as === 'stanza' ? frame(state.cipher.encrypt(Buffer.from(bytes))) : bytes
      socket.send(written, { binary: as !== 'text' })
    },
    close() {
      closing = true
      if (queue.length === 0 && !frozen) socket.close(closeNormal)
    },
    reset() {
      tcp.resetAndDestroy()
      socket.terminate()
    },
    freeze() {
      frozen = true
      socket.pause()
    },
  }
  return connection
}
