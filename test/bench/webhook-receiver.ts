/**
 * A receiver of webhooks as a process of its own, for the benchmark `webhooks`: it reads each body, answers 200, and keeps how long
 * each was under way since the time that it tells. Its parent may have it refuse all connections, and ask what came.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

export interface ReceiverStats {
  readonly received: number
  /** Different `webhook-id`s. */
  readonly unique: number
  /** `performance.timeOrigin` based ms of the first and the last. */
  readonly firstAt: number
  readonly lastAt: number
  readonly latenciesMs: readonly number[]
}

type Ask = 'stats' | 'forget' | 'refuse' | 'accept'

export interface Receiver {
  readonly url: string
  readonly pid: number
  ask(what: 'stats'): Promise<ReceiverStats>
  ask(what: Exclude<Ask, 'stats'>): Promise<unknown>
  stop(): void
}

const now = (): number => performance.timeOrigin + performance.now()

const serve = async (): Promise<void> => {
  let ids = new Set<string>()
  let received = 0
  let firstAt = 0
  let lastAt = 0
  let latenciesMs: number[] = []
  const take = (id: string, body: string): void => {
    ids.add(id)
    received += 1
    lastAt = now()
    if (firstAt === 0) firstAt = lastAt
    latenciesMs.push(lastAt - Date.parse((JSON.parse(body) as { at: string }).at))
  }
  const open = async (port: number): Promise<Server> => {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        take(String(request.headers['webhook-id']), Buffer.concat(chunks).toString())
        response.end()
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await open(0)
  const { port } = server.address() as AddressInfo
  const forget = (): void => {
    ids = new Set()
    received = firstAt = lastAt = 0
    latenciesMs = []
  }
  const answer = async (ask: Ask): Promise<unknown> => {
    if (ask === 'stats') return { received, unique: ids.size, firstAt, lastAt, latenciesMs }
    if (ask === 'forget') forget()
    else if (ask === 'refuse') {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    } else server = await open(port)
    return true
  }
  process.on('message', (ask: Ask) => {
    void answer(ask).then((value) => process.send?.(value))
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.(port)
}

export const startReceiver = async (): Promise<Receiver> => {
  const child = fork(fileURLToPath(import.meta.url), ['serve'], { serialization: 'advanced' })
  const [port] = (await once(child, 'message')) as [number]
  return {
    url: `http://127.0.0.1:${port}/hook`,
    pid: child.pid ?? 0,
    async ask(what: Ask) {
      child.send(what)
      const [value] = (await once(child, 'message')) as [never]
      return value
    },
    stop: () => child.disconnect(),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve()
