/**
 * A load generator, run as a process of its own: so many connections, each with one request in flight, for so long. It
 * speaks HTTP/1.1 on plain sockets, so that it costs a fraction of the server that it measures, and counts only answers
 * that have the wanted status. Takes a LoadPlan as its argument and prints a LoadResult, both as JSON.
 */
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { quantile } from './measure.ts'

export interface LoadPlan {
  /** Of 127.0.0.1. */
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  readonly status: number
  /** The requests, taken in turns. */
  readonly requests: readonly LoadRequest[]
}

export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface LoadResult {
  readonly answers: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const headEnd = Buffer.from('\r\n\r\n')
const readBufferBytes = 64 * 1024

const encode = ({ method, path, headers = {}, body }: LoadRequest): Buffer => {
  const text = body === undefined ? '' : JSON.stringify(body)
  const all = {
    Host: '127.0.0.1',
    ...headers,
    ...(body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`)
}

/** The bytes that the whole answer has, or undefined while its head is not complete. */
const answerBytes = (bytes: Buffer): number | undefined => {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return undefined
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.toString('latin1', 0, end))?.[1]
  if (length === undefined) throw new Error(`an answer without a length: ${bytes.toString('latin1', 0, end)}`)
  return end + headEnd.length + Number(length)
}

const load = (plan: LoadPlan): Promise<LoadResult> =>
  new Promise((resolve, reject) => {
    const requests = plan.requests.map(encode)
    const latencies: number[] = []
    const sockets: Socket[] = []
    let turn = 0
    const startedAt = performance.now()
    const until = startedAt + plan.durationMs
    let open = 0

    const finish = (): void => {
      const tookMs = performance.now() - startedAt
      for (const socket of sockets) socket.destroy()
      resolve({
        answers: latencies.length,
        perSecond: (latencies.length / tookMs) * 1_000,
        p50Ms: quantile(latencies, 0.5),
        p99Ms: quantile(latencies, 0.99),
        maxMs: quantile(latencies, 1),
      })
    }

    const start = (): void => {
      let sentAt = 0
      let parts: Buffer[] = []
      const send = (): void => {
        sentAt = performance.now()
        socket.write(requests[turn++ % requests.length] ?? '')
      }
      const answered = (answer: Buffer): void => {
        const status = Number(answer.toString('latin1', 9, 12))
        if (status !== plan.status) {
          reject(new Error(`wanted ${plan.status}, got: ${answer.toString()}`))
          return
        }
        const now = performance.now()
        latencies.push(now - sentAt)
        if (now < until) send()
        else if (--open === 0) finish()
      }
      const read = (bytes: Buffer): void => {
        const all = parts.length === 0 ? bytes : Buffer.concat([...parts, bytes])
        const wanted = answerBytes(all)
        if (wanted === undefined || all.length < wanted) {
          // The buffer that sockets read into is used again.
          parts = [Buffer.from(all)]
          return
        }
        parts = []
        answered(all)
      }
      const buffer = Buffer.allocUnsafe(readBufferBytes)
      const socket = connect({
        host: '127.0.0.1',
        port: plan.port,
        noDelay: true,
        onread: {
          buffer,
          callback: (length) => {
            try {
              read(buffer.subarray(0, length))
            } catch (error) {
              reject(error)
            }
            return true
          },
        },
      })
      sockets.push(socket)
      open += 1
      socket.once('connect', send)
      socket.once('error', reject)
      socket.once('end', () => reject(new Error('the server closed a connection')))
    }
    for (let count = 0; count < plan.connections; count += 1) start()
  })

/** Runs a plan in a process of its own. */
export const runLoad = async (plan: LoadPlan): Promise<LoadResult> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(import.meta.url), JSON.stringify(plan)],
    { timeout: plan.durationMs + 30_000 },
  )
  return JSON.parse(stdout) as LoadResult
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await load(JSON.parse(process.argv[2] ?? '') as LoadPlan)))
  process.exit(0)
}
