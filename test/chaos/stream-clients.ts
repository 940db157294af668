/** Clients of the event streams that break off and come back at random, and must see each event once. */
import { WebSocket } from 'ws'
import type { SeededRandom } from './random.ts'

export interface StreamClient {
  /** Every `seq` that it has seen, in order. */
  readonly seen: number[]
  /** How often it has connected. */
  readonly connections: number
  /** Answers that were neither a stream nor a gateway that is away. */
  readonly wrong: readonly string[]
  stop(): Promise<void>
}

const pauseMaxMs = 300
const stayMinMs = 100
const stayMaxMs = 4_000

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** The blocks of a stream of server-sent events, as far as they are whole. */
const blocks = async function* (body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end)
      text = text.slice(end + 2)
    }
  }
}

const fieldOf = (block: string, name: string): string | undefined =>
  block
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim()

interface Visit {
  readonly apiUrl: string
  readonly after: number
  readonly signal: AbortSignal
  readonly saw: (seq: number) => void
}

const visitSse = async ({ apiUrl, after, signal, saw }: Visit): Promise<string | undefined> => {
  const response = await fetch(`${apiUrl}/api/events/stream`, {
    headers: { 'last-event-id': String(after) },
    signal,
  })
  if (response.status !== 200 || response.body === null) return `${response.status}: ${await response.text()}`
  for await (const block of blocks(response.body)) {
    const data = fieldOf(block, 'data')
    if (data !== undefined && data !== '') saw((JSON.parse(data) as { readonly seq: number }).seq)
  }
  return undefined
}

const visitWebSocket = ({ apiUrl, after, signal, saw }: Visit): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`${apiUrl.replace('http', 'ws')}/api/events/ws?after=${after}`)
    signal.addEventListener('abort', () => socket.terminate())
    socket.on('message', (data: Buffer) => saw((JSON.parse(String(data)) as { readonly seq: number }).seq))
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate()
      resolve(`${response.statusCode}`)
    })
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
  })

/** `apiUrl` is asked for at each connection: the gateway comes back at another port. */
export const startStreamClient = (
  kind: 'sse' | 'websocket',
  { apiUrl, after, random }: { apiUrl: () => string; after: number; random: SeededRandom },
): StreamClient => {
  const seen: number[] = []
  const wrong: string[] = []
  let connections = 0
  let stopped = false
  let leave = new AbortController()

  const run = async (): Promise<void> => {
    while (!stopped) {
      leave = new AbortController()
      const { signal } = leave
      const timer = setTimeout(() => leave.abort(), random.between(stayMinMs, stayMaxMs))
      connections += 1
      const visit: Visit = {
        apiUrl: apiUrl(),
        after: seen.at(-1) ?? after,
        signal,
        // What comes after it has left is lost on it: it will ask for that again.
        saw: (seq) => void (signal.aborted || seen.push(seq)),
      }
      const problem = await (kind === 'sse' ? visitSse(visit) : visitWebSocket(visit)).catch(() => undefined)
      clearTimeout(timer)
      if (problem !== undefined) wrong.push(problem)
      await sleep(random.between(0, pauseMaxMs))
    }
  }
  const ended = run()

  return {
    seen,
    get connections() {
      return connections
    },
    wrong,
    async stop() {
      stopped = true
      leave.abort()
      await ended
    },
  }
}
