import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { failpoints, type Failpoint, isFailpoint } from './failpoint.ts'
import { waitingFor } from './load.ts'
import { killedAt, startFailpointConnector } from './failpoints.ts'

let world: World
const number = '15550601'
const friend = '15550699'
const limitMs = 120_000

beforeAll(async () => {
  world = await World.open()
  await world.startGateway(['api'])
  await withConnector(async () => {
    await world.createPhone(friend)
    await world.link('dev', number)
    // First messages make sessions: what is looked at below are the steps of the ones after.
    await exchange('first')
    await settled()
  })
}, limitMs)
afterAll(() => world.close())

const withConnector = async (work: () => Promise<unknown>): Promise<void> => {
  const connector = startFailpointConnector(world)
  try {
    await eventually('the connector is active', () => connector.pidOf('connector'), limitMs)
    await work()
  } finally {
    await connector.stop()
  }
}
const exchange = async (text: string): Promise<void> => {
  await world.phone('POST', `/phones/${friend}/messages`, { to: number, text: `in ${text}` })
  await world.api(
    'POST',
    '/api/devices/dev/send',
    { to: friend, message: `out ${text}` },
    { prefer: 'respond-async' },
  )
}
/** A message that is confirmed late would come again in the next run, and pass its points for the one that is meant. */
const settled = (): Promise<unknown> =>
  eventually(
    'all is delivered, stored and confirmed',
    async () => {
      const rows = world.query<{ status: string }>('select status from messages')
      const isDone = rows.every(({ status }) => status === 'delivered')
      return isDone && (await waitingFor(world, number)) === 0
    },
    limitMs,
  )

/** What is left behind of one message out, and of one in. */
const left = async () => {
  const sessions = world.query<{ bytes: Uint8Array }>(
    `select bytes from auth_keys where type = 'session' order by device_id, key_id`,
  )
  const [out] = world.query<{ status: string }>(
    `select status from messages where direction = 'outbound' order by seq desc`,
  )
  const stats = await world.stats()
  return {
    sessions: sessions.map(({ bytes }) => Buffer.from(bytes).toString('hex')).join(),
    out: out?.status,
    onTheWire: stats['messagesFromCompanions'] ?? 0,
    receipts: stats['receiptsFromCompanions'] ?? 0,
    journaled: world.query('select 1 from journal').length,
    open: world.query('select 1 from journal where promoted_at is null').length,
    stored: world.query(`select 1 from messages where direction = 'inbound'`).length,
  }
}

type Left = Awaited<ReturnType<typeof left>>
const sent = (before: Left, after: Left) => ({
  ratchet: after.sessions !== before.sessions,
  onTheWire: after.onTheWire - before.onTheWire,
  out: after.out,
})
const got = (before: Left, after: Left) => ({
  ratchet: after.sessions !== before.sessions,
  open: after.open,
  receipts: after.receipts - before.receipts,
  stored: after.stored - before.stored,
})

const found: Readonly<Record<Failpoint, Record<string, unknown>>> = {
  claim: { ratchet: false, onTheWire: 0, out: 'sending' },
  encrypt: { ratchet: false, onTheWire: 0, out: 'sending' },
  commit: { ratchet: true, onTheWire: 0, out: 'sending' },
  wire: { ratchet: true, onTheWire: 1, out: 'sending' },
  ack: { ratchet: true, onTheWire: 1, out: 'sending' },
  record: { ratchet: true, onTheWire: 1, out: expect.stringMatching(/^(sent|delivered)$/) },
  delivery: { ratchet: true, onTheWire: 1, out: expect.stringMatching(/^(sending|sent)$/) },
  delivered: { ratchet: true, onTheWire: 1, out: 'delivered' },
  decrypt: { ratchet: false, open: 0, receipts: 0, stored: 0 },
  journal: { ratchet: true, open: 1, receipts: 0, stored: 0 },
  receipt: { ratchet: true, open: 1, receipts: 1, stored: 0 },
  promote: { ratchet: true, open: 1, stored: 0 },
  promoted: { ratchet: true, open: 0, stored: 1 },
}
const isInbound = (point: Failpoint): boolean => 'stored' in found[point]

test.for(Object.keys(failpoints).filter(isFailpoint))(
  '%s is where it says',
  { timeout: limitMs },
  async (point) => {
    const before = await left()
    // Written while nobody is there: it waits at the server, or in the outbox.
    if (isInbound(point)) await world.phone('POST', `/phones/${friend}/messages`, { to: number, text: point })
    else
      await world.api(
        'POST',
        '/api/devices/dev/send',
        { to: friend, message: point },
        { prefer: 'respond-async' },
      )
    expect(await killedAt(world, point, 1)).toBe(true)
    const after = await left()
    expect(isInbound(point) ? got(before, after) : sent(before, after)).toMatchObject(found[point])
    await withConnector(settled)
    expect(world.query('select 1 from messages where text = ?', point)).toHaveLength(1)
  },
)
