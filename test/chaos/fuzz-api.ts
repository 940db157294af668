import { connect } from 'node:net'
import { once } from 'node:events'
import * as fc from 'fast-check'
import { rssMb } from '../bench/measure.ts'
import { World } from '../flows/world.ts'
import { hostileBytes } from './fuzz/http-bytes.ts'
import { type ApiDocument, hostileRequests, operationsOf, type HostileRequest } from './fuzz/requests.ts'
import type { Report, Run, Scenario } from './scenario.ts'
import { atLeast, atMost, exactly } from './scenario.ts'

const scales = { short: { perOperation: 12, raw: 40 }, full: { perOperation: 1_500, raw: 3_000 } }
/** A poll may ask to wait for a minute. */
const answerMaxMs = 65_000
/** A client that sends half a request gets no answer: it is not waited for. */
const rawWaitMs = 150
const atOnce = 8
/** V8 lets its heap grow by so much before it cleans up; what each request would leave is far beyond it in the full run. */
const growthMaxMb = 120

/** 5xx that say something about the world: the document of each operation lists them. */
const isDeclared = (declared: ReadonlySet<string>, status: number): boolean =>
  status < 500 || declared.has(String(status))

interface Wrong {
  readonly what: string
}

const problemIn = (text: string, type: string, status: number): string | undefined => {
  if (status < 400) return undefined
  if (!type.startsWith('application/problem+json')) return `is ${type}`
  try {
    const { error, requestId, status: told } = JSON.parse(text) as Record<string, unknown>
    if (typeof error !== 'string' || error === '') return 'has no error member'
    return told === status && typeof requestId === 'string'
      ? undefined
      : 'says another status, or no requestId'
  } catch {
    return 'is no JSON'
  }
}

const ask = async (world: World, request: HostileRequest): Promise<Wrong | undefined> => {
  const { method, path, headers, body, declared } = request
  const name = `${method} ${path.slice(0, 120)}`
  let response: Response
  try {
    response = await fetch(`${world.apiUrl}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      signal: AbortSignal.timeout(answerMaxMs),
    })
  } catch (error) {
    // What fetch itself will not send is no request.
    const cause = error instanceof Error ? (error.cause ?? error) : error
    const unsendable =
      cause instanceof TypeError || /invalid|ERR_INVALID|UND_ERR_INVALID/i.test(String(cause))
    return unsendable ? undefined : { what: `${name}: no answer (${String(cause)})` }
  }
  const { status } = response
  if (response.headers.get('content-type') === 'text/event-stream') {
    await response.body?.cancel()
    return undefined
  }
  const text = await response.text()
  if (!isDeclared(declared, status))
    return { what: `${name} with ${body?.toString().slice(0, 100)}: ${status} ${text.slice(0, 200)}` }
  const problem =
    method === 'HEAD' ? undefined : problemIn(text, response.headers.get('content-type') ?? '', status)
  return problem === undefined ? undefined : { what: `${name}: the body of ${status} ${problem}` }
}

/** Writes bytes to the port, hangs up when there is an answer or enough was waited. Resolves with what came. */
const pour = async (port: number, pieces: readonly Buffer[]): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('error', () => undefined)
  socket.setEncoding('latin1').on('data', (text: string) => {
    heard += text
  })
  await once(socket, 'connect').catch(() => undefined)
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.race([once(socket, 'close'), new Promise((resolve) => setTimeout(resolve, rawWaitMs))]).catch(
    () => undefined,
  )
  socket.destroy()
  return heard
}

const inTurns = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
    }),
  )
}

const run = async ({ scale, seed, cycles, print }: Run): Promise<Report> => {
  const world = await World.withGateway({ SEND_WAIT_MS: '50' })
  try {
    await world.link('fuzz', '15550001')
    await world.createPhone('15559999')
    const document = (await world.api('GET', '/openapi.json')).body as unknown as ApiDocument
    const operations = operationsOf(document)
    const wrong = new Set<string>()
    const { child } = world.gateway
    const pid = child.pid ?? 0
    const statuses = new Map<number, number>()
    const send = async (requests: readonly HostileRequest[]): Promise<void> =>
      inTurns(requests, async (request) => {
        const found = await ask(world, request)
        if (found !== undefined) wrong.add(found.what)
      })
    const round = async (of: number, perOperation: number, raw: number): Promise<number> => {
      const requests = hostileRequests(operations, of, perOperation)
      await send(requests)
      const bytes = fc.sample(hostileBytes, { numRuns: raw, seed: of })
      await inTurns(bytes, async (pieces) => {
        const heard = await pour(Number(new URL(world.apiUrl).port), pieces)
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(heard)?.[1] ?? 0)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
        const isProblem = status < 400 || heard.includes('"error":"')
        if (status >= 500 || !isProblem)
          wrong.add(`bytes ${pieces[0]?.toString('latin1').slice(0, 100)}: ${heard.slice(0, 200)}`)
      })
      return requests.length
    }
    const { perOperation, raw } = scales[scale]
    await round(seed + 1, scales.short.perOperation, scales.short.raw)
    const before = await rssMb(pid)
    const asked = await round(seed, cycles ?? perOperation, raw)
    const after = await rssMb(pid)
    const answers = (await world.api('GET', '/readyz')).status
    const escaped = world.logLines.filter(
      ({ msg }) => msg === 'unhandled rejection' || msg === 'uncaught exception',
    )
    const failed = world.logLines.filter(({ level, process }) => process === 'serve' && Number(level) >= 50)
    for (const what of [...wrong].slice(0, 20)) print(what)
    for (const line of [...escaped, ...failed].slice(0, 20)) print(JSON.stringify(line).slice(0, 600))
    return {
      checks: [
        exactly(
          'process of the API',
          'runs',
          child.exitCode === null ? 'runs' : `ended with ${child.exitCode}`,
        ),
        exactly('answers that the document does not declare, or that are no problem', 0, wrong.size),
        exactly('errors that got past every handler', 0, escaped.length),
        exactly('errors in the log of the API', 0, failed.length),
        exactly('its answer to a good request afterwards', 200, answers),
        atMost('memory that the API has more than after the warm-up', growthMaxMb, after - before, 'MB'),
        atLeast('operations of the document', 15, operations.length),
      ],
      facts: {
        'hostile requests': asked,
        'hostile streams of bytes': raw,
        'answers to them, by status': [...statuses]
          .map(([status, times]) => `${times} x ${status || 'none'}`)
          .join(', '),
        'memory before, MB': Math.round(before),
        'memory after, MB': Math.round(after),
      },
    }
  } finally {
    await world.close()
  }
}

/** Every operation of the OpenAPI document with what no client should send, and bytes that are no HTTP at all. */
export const fuzzApi: Scenario = {
  name: 'fuzz-api',
  title: 'every route with what no client should send, and bytes that are no HTTP',
  run,
}
