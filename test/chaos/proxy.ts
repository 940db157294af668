/** A TCP proxy between the gateway and WhatsApp that misbehaves as networks do, and remembers what passed. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { systemClock } from '../../src/runtime/clock.ts'
import type { SeededRandom } from './random.ts'
import { createFrameScanner } from './websocket-frames.ts'

/** `up` is from the gateway to WhatsApp. */
export type Direction = 'up' | 'down'

export const directions: readonly Direction[] = ['up', 'down']

/** How the link is, for all connections and all that come. */
export interface LinkState {
  readonly latencyMs: number
  /** Each chunk takes up to so much longer, and never overtakes another. */
  readonly jitterMs: number
  /** In each direction of each connection; Infinity is no limit. */
  readonly bytesPerSecond: number
  /** Black holes: what is sent that way does not arrive, nor does the news that a side has closed. */
  readonly blocked: readonly Direction[]
}

const goodLink: LinkState = { latencyMs: 0, jitterMs: 0, bytesPerSecond: Infinity, blocked: [] }

/** A chunk as it came in, whether it was passed on or not. */
export interface Passage {
  /** Monotonic ms of the machine, as in `leases.expires_mono`. */
  readonly at: number
  readonly bytes: number
  /** WebSocket frames that start in it. */
  readonly frames: number
}

export interface ProxiedConnection {
  readonly openedAt: number
  readonly log: Readonly<Record<Direction, readonly Passage[]>>
}

export interface FaultProxy {
  readonly port: number
  /** The given WebSocket address, by way of this proxy. */
  readonly url: string
  /** All that there have been, oldest first. */
  readonly connections: readonly ProxiedConnection[]
  /** How many pass bytes now, or would. */
  readonly open: number
  setLink(state: Partial<LinkState>): void
  /** Ends all connections with a TCP reset on both sides. Returns how many. */
  reset(): number
  /** Tells only one side that the connections have ended; the other goes on talking to nobody. Returns how many. */
  halfOpen(told: 'gateway' | 'whatsapp'): number
  /** In each connection: the next frame that way is cut in its middle, and the connection closed. */
  truncate(direction: Direction): void
  /** In each connection: a byte of the next frame that way is changed. */
  corrupt(direction: Direction): void
  /** How many frames were cut or changed so far. */
  readonly damaged: number
  /**
   * The link is good again. What is held in black holes arrives late, or its connections are reset instead; those of
   * which one side was not told are reset.
   */
  heal(held: 'deliver' | 'reset'): void
  close(): Promise<void>
}

type Sabotage = 'truncate' | 'corrupt'
type Item = { readonly dueAt: number } & (
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' }
)

/** A slow link passes a piece so often. */
const dripEveryMs = 50

const cut = (socket: Socket): void => {
  if (socket.destroyed) return
  if (socket.connecting) socket.destroy()
  else socket.resetAndDestroy()
}

export const openProxy = async (targetUrl: string, random: SeededRandom): Promise<FaultProxy> => {
  const target = new URL(targetUrl)
  let link = goodLink
  let damaged = 0
  const connections: ProxiedConnection[] = []
  const live = new Set<ReturnType<typeof relay>>()

  /** One direction of one connection. */
  const pipe = (direction: Direction, source: Socket, sink: Socket, log: Passage[]) => {
    const scanner = createFrameScanner()
    const queue: Item[] = []
    let timer: NodeJS.Timeout | undefined
    let armed: Sabotage | undefined
    let lastDueAt = 0
    /** Nothing more is passed on. */
    let over = false

    const dueAt = (): number => {
      const at = performance.now() + link.latencyMs + random.next() * link.jitterMs
      lastDueAt = Math.max(lastDueAt, at)
      return lastDueAt
    }
    const later = (ms: number): void => {
      timer ??= setTimeout(() => {
        timer = undefined
        pump()
      }, ms)
    }
    const pump = (): void => {
      for (let head = queue[0]; head !== undefined && !link.blocked.includes(direction); head = queue[0]) {
        const waitMs = head.dueAt - performance.now()
        if (waitMs > 0) return later(waitMs)
        queue.shift()
        if (head.kind === 'end') sink.end()
        else if (head.kind === 'reset') cut(sink)
        else {
          const part = Math.ceil((link.bytesPerSecond * dripEveryMs) / 1_000)
          sink.write(head.bytes.subarray(0, part))
          if (part < head.bytes.length) queue.unshift({ ...head, bytes: head.bytes.subarray(part) })
          if (Number.isFinite(link.bytesPerSecond)) return later(dripEveryMs)
        }
      }
    }
    const damage = (chunk: Buffer, start: number, size: number): Buffer => {
      const end = Math.min(chunk.length, start + size)
      const sabotage = armed
      armed = undefined
      damaged += 1
      if (sabotage === 'corrupt') {
        const at = random.between(start, end - 1)
        const changed = Buffer.from(chunk)
        changed.writeUInt8(chunk.readUInt8(at) ^ random.between(1, 255), at)
        return changed
      }
      over = true
      return chunk.subarray(0, random.between(start + 1, Math.max(start + 1, end - 1)))
    }
    const take = (chunk: Buffer): void => {
      const frames = scanner.push(chunk)
      log.push({ at: systemClock.monotonic(), bytes: chunk.length, frames: frames.length })
      if (over) return
      const [first] = frames
      const bytes =
        armed === undefined || first === undefined ? chunk : damage(chunk, first.start, first.size)
      queue.push({ kind: 'bytes', bytes, dueAt: dueAt() })
      if (over) {
        queue.push({ kind: 'end', dueAt: lastDueAt })
        cut(source)
      }
      pump()
    }
    source.on('data', take)
    source.on('end', () => {
      if (over) return
      queue.push({ kind: 'end', dueAt: dueAt() })
      pump()
    })
    source.on('error', () => {
      if (over) return
      queue.push({ kind: 'reset', dueAt: dueAt() })
      pump()
    })
    return {
      pump,
      get holds() {
        return queue.length > 0
      },
      arm(sabotage: Sabotage) {
        armed = sabotage
      },
      stop() {
        over = true
        queue.length = 0
        clearTimeout(timer)
      },
    }
  }

  const relay = (gateway: Socket) => {
    const whatsapp = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true })
    const log: Record<Direction, Passage[]> = { up: [], down: [] }
    connections.push({ openedAt: systemClock.monotonic(), log })
    const up = pipe('up', gateway, whatsapp, log.up)
    const down = pipe('down', whatsapp, gateway, log.down)
    let untold: Socket | undefined
    const stop = (): void => {
      up.stop()
      down.stop()
    }
    const ends = { up, down }
    const relayed = {
      ends,
      get untold() {
        return untold
      },
      reset() {
        stop()
        cut(gateway)
        cut(whatsapp)
      },
      tell(told: 'gateway' | 'whatsapp') {
        stop()
        untold = told === 'gateway' ? whatsapp : gateway
        ;(told === 'gateway' ? gateway : whatsapp).destroy()
      },
    }
    let closed = 0
    for (const socket of [gateway, whatsapp]) {
      socket.on('close', () => {
        closed += 1
        if (closed === 2) live.delete(relayed)
      })
    }
    live.add(relayed)
    return relayed
  }

  const server = createServer({ allowHalfOpen: true }, (gateway) => {
    relay(gateway)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = new URL(targetUrl)
  url.port = String(port)
  const talking = () => [...live].filter(({ untold }) => untold === undefined)

  return {
    port,
    url: url.href,
    connections,
    get open() {
      return talking().length
    },
    get damaged() {
      return damaged
    },
    setLink(state) {
      link = { ...link, ...state }
      for (const { ends } of live) for (const direction of directions) ends[direction].pump()
    },
    reset() {
      const all = talking()
      for (const one of all) one.reset()
      return all.length
    },
    halfOpen(told) {
      const all = talking()
      for (const one of all) one.tell(told)
      return all.length
    },
    truncate(direction) {
      for (const { ends } of talking()) ends[direction].arm('truncate')
    },
    corrupt(direction) {
      for (const { ends } of talking()) ends[direction].arm('corrupt')
    },
    heal(held) {
      const holding = [...live].filter(({ ends }) => ends.up.holds || ends.down.holds)
      link = goodLink
      for (const one of live) if (one.untold !== undefined) one.reset()
      for (const one of holding) {
        if (held === 'reset') one.reset()
        else for (const direction of directions) one.ends[direction].pump()
      }
    },
    async close() {
      for (const one of live) one.reset()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
