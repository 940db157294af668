/**
 * Kills processes while events go out by every way: to a receiver that fails at random, once in whatever order and once in
 * the order of each device, and to clients of both streams, which break off and come back.
 */
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { kill, victimOf } from './kills.ts'
import { createLoad, fullLoad, shortLoad } from './load.ts'
import { type Inbox, startReceiver } from './receiver.ts'
import { untilReady } from './ready.ts'
import { atLeast, type Check, exactly, type Report, type Run, type Scenario } from './scenario.ts'
import { startStreamClient, type StreamClient } from './stream-clients.ts'

const cyclesFull = 100
const cyclesShort = 3
const drainMs = 300_000
/** Each failure holds up all that comes after it of its device, for a second. */
const strictFailingPart = 0.02
const caughtUpMs = 30_000
/** Seconds between attempts: with those of every day a run would take three. */
const retryDelays = Array.from({ length: 20 }, () => '1').join(',')

interface EventRow {
  readonly seq: number
  readonly id: string
  readonly device_id: string | null
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const some = (all: readonly (string | number)[]): string | number =>
  all.length === 0 ? 0 : `${all.length}: ${all.slice(0, 5).join(', ')}`

const outOfOrder = (seqs: readonly number[]): number[] =>
  seqs.filter((seq, at) => at > 0 && seq <= (seqs[at - 1] ?? 0))

const createEndpoint = async (world: World, url: string, ordered: boolean) => {
  const { status, body } = await world.api('POST', '/api/webhooks', { url, ordered })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return { id: String(body['id']), secret: String(body['secret']) }
}

const inboxChecks = (
  name: string,
  inbox: Inbox,
  events: readonly EventRow[],
  all: readonly EventRow[],
): Check[] => {
  const missing = events.filter(({ id }) => !inbox.taken.has(id)).map(({ seq }) => seq)
  const known = new Map(all.map(({ id, seq }) => [id, seq]))
  const strange = [...inbox.taken].filter(([id, { seq }]) => known.get(id) !== seq).map(([id]) => id)
  return [
    exactly(`${name}: events that did not arrive`, 0, some(missing)),
    exactly(`${name}: arrivals that are no event of the log`, 0, some(strange)),
    exactly(`${name}: wrong signatures, ids or bodies`, 0, some(inbox.wrong)),
  ]
}

const streamChecks = (name: string, client: StreamClient, events: readonly EventRow[]): Check[] => {
  const seen = new Set(client.seen)
  const missing = events.filter(({ seq }) => !seen.has(seq)).map(({ seq }) => seq)
  return [
    exactly(`${name}: events that were not seen`, 0, some(missing)),
    exactly(`${name}: events seen twice or out of order`, 0, some(outOfOrder(client.seen))),
    exactly(`${name}: answers that were no stream`, 0, some(client.wrong)),
    atLeast(`${name}: connections`, 2, client.connections),
  ]
}

const doubles = ({ taken, requests }: Inbox): string => {
  const twice = [...taken.values()].filter(({ count }) => count > 1).length
  return `${taken.size} events in ${requests} requests; ${twice} were taken more than once`
}

const run = async ({ scale, random, cycles: wanted, print }: Run): Promise<Report> => {
  const cycles = wanted ?? (scale === 'full' ? cyclesFull : cyclesShort)
  const moments = random.fork('moments')
  const receiver = await startReceiver(random.fork('receiver'))
  const world = await World.withGateway({ WEBHOOK_RETRY_DELAYS: retryDelays })
  const clients: StreamClient[] = []
  try {
    const load = await createLoad(world, scale === 'full' ? fullLoad : shortLoad)
    const [any, strict] = [
      await createEndpoint(world, `${receiver.url}/any`, false),
      await createEndpoint(world, `${receiver.url}/strict`, true),
    ]
    const anyInbox = receiver.open('/any', any.secret, 0.25)
    const strictInbox = receiver.open('/strict', strict.secret, strictFailingPart)
    const [first] = world.query<{ seq: number }>('select max(seq) as seq from events')
    const after = first?.seq ?? 0
    for (const kind of ['sse', 'websocket'] as const) {
      clients.push(startStreamClient(kind, { apiUrl: () => world.apiUrl, after, random: random.fork(kind) }))
    }
    load.start()
    const startedAt = Date.now()
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      await sleep(moments.between(200, 2_500))
      const at = Date.now()
      await kill(world, victimOf(moments))
      await untilReady(world, load, at)
      if (cycle % 10 === 0) print(`${cycle} of ${cycles}`)
    }
    const seconds = (Date.now() - startedAt) / 1_000
    receiver.unreliable = false
    await load.drain()
    const [left] = world.query<{ open: number }>(
      `select count(*) as open from webhook_deliveries where state in ('waiting', 'sending')`,
    )
    const drainedAt = Date.now()
    await eventually(
      'all deliveries are settled',
      () => {
        const [row] = world.query<{ open: number }>(
          `select count(*) as open from webhook_deliveries where state in ('waiting', 'sending')`,
        )
        return row?.open === 0
      },
      drainMs,
    )
    const settledAt = Date.now()
    const all = world.query<EventRow>('select seq, id, device_id from events order by seq')
    const events = all.filter(({ seq }) => seq > after)
    const last = events.at(-1)?.seq ?? 0
    await eventually(
      'the streams have caught up',
      () => clients.every(({ seen }) => (seen.at(-1) ?? 0) >= last),
      caughtUpMs,
    ).catch(() => undefined)
    const failed = world.query<{ id: string }>(`select id from webhook_deliveries where state <> 'delivered'`)
    const [sse, websocket] = clients
    return {
      checks: [
        atLeast('processes killed', cycles, cycles),
        ...inboxChecks('webhook', anyInbox, events, all),
        ...inboxChecks('webhook in order', strictInbox, events, all),
        exactly(
          'webhook in order: events that overtook others of their device',
          0,
          some([...strictInbox.order.values()].flatMap(outOfOrder)),
        ),
        exactly('deliveries that were given up', 0, some(failed.map(({ id }) => id))),
        ...(sse === undefined ? [] : streamChecks('server-sent events', sse, events)),
        ...(websocket === undefined ? [] : streamChecks('WebSocket', websocket, events)),
      ],
      facts: {
        'events a second under load': Math.round(events.length / seconds),
        webhook: doubles(anyInbox),
        'webhook in order': doubles(strictInbox),
        'deliveries that waited when the load was over': `${left?.open ?? 0}, brought in ${Math.round((settledAt - drainedAt) / 1_000)} s`,
        connections: `${sse?.connections} server-sent events, ${websocket?.connections} WebSocket`,
      },
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
    await world.close()
    await receiver.close()
  }
}

export const webhooks: Scenario = {
  name: 'webhooks',
  title: 'kill -9 of the connector and of the API while events go out, to a receiver that fails at random',
  run,
}
