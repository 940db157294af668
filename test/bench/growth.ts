import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { newWhatsappId } from '../../src/control/whatsapp-id.ts'
import { encodeText } from '../../src/domain/content.ts'
import type { Origin } from '../../src/domain/audit.ts'
import { deviceLeaseName, type Lease } from '../../src/domain/lease.ts'
import type { ClaimedMessage, MessageFilter, Store } from '../../src/store/store.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import type { Benchmark, Figure } from './benchmark.ts'
import {
  busyChats,
  growthApartMs,
  growthChat,
  growthChats,
  growthDevice,
  growthDevices,
  growthStartAt,
  makeGrown,
} from './growth-data.ts'
import { median } from './measure.ts'

const fewMessages = 10_000
const manyMessages = 5_000_000
const manyMessagesQuick = 20_000
const ratioMax = 1.5

const batch = 50
const leaseTtlMs = 60_000
const pageLimit = 20
const bytesPerMb = 1024 * 1024

const origin: Origin = { actor: { kind: 'api' }, requestId: 'req_00000000000000000000000000' }

interface Grown {
  readonly store: Store
  readonly openMs: number
  readonly leases: readonly Lease[]
  /** The time of the message in the middle. */
  readonly middleAt: number
  /** Counts rounds, so that each acts for another device. */
  turn: number
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const at = performance.now()
  await work()
  return performance.now() - at
}

const open = async (file: string, count: number): Promise<Grown> => {
  const at = performance.now()
  const store = await openStore({ file })
  const openMs = performance.now() - at
  const leases: Lease[] = []
  for (let index = 0; index < growthDevices; index += 1) {
    const name = deviceLeaseName(growthDevice(index))
    const lease = await store.leases.claim(name, 'bench', leaseTtlMs, performance.now())
    if (lease === undefined) throw new Error(`no lease ${name}`)
    leases.push(lease)
  }
  return { store, openMs, leases, middleAt: growthStartAt + (count / 2) * growthApartMs, turn: 0 }
}

const enqueue = (store: Store, deviceId: string): Promise<unknown> => {
  const id = newWhatsappId()
  const text = 'A message of an ordinary length, as people write them to each other.'
  return store.outbox.enqueue(
    {
      message: {
        id,
        deviceId,
        whatsappId: id,
        direction: 'outbound',
        chat: { pn: growthChat(Math.floor(Math.random() * growthChats)), lid: null },
        type: 'text',
        text,
        whatsappAt: null,
        content: encodeText(text),
      },
    },
    () => ({ sender: { pn: '15540000000@s.whatsapp.net', lid: '9000000@lid' }, senderName: 'Olive' }),
    origin,
    Date.now(),
  )
}

/** What a round measures of one database, in ms each. */
const measureRound = async (grown: Grown): Promise<Map<string, number>> => {
  const { store, leases } = grown
  const turn = grown.turn++
  const index = turn % growthDevices
  const deviceId = growthDevice(index)
  const lease = leases[index]
  if (lease === undefined) throw new Error('no lease')
  const times = new Map<string, number>()
  const measure = async (what: string, runs: number, work: () => Promise<unknown>): Promise<void> => {
    times.set(what, (await timed(work)) / runs)
  }
  const list = (what: string, filter: Omit<MessageFilter, 'deviceId'>): Promise<void> =>
    measure(`list, ${what}`, 5, async () => {
      for (let left = 5; left > 0; left -= 1) {
        await store.messages.list({ deviceId, ...filter }, { limit: pageLimit })
      }
    })

  await measure(`enqueue, ${batch} at once`, batch, () =>
    Promise.all(Array.from({ length: batch }, () => enqueue(store, deviceId))),
  )
  let claimed: readonly ClaimedMessage[] = []
  await measure('claim', 1, async () => {
    claimed = await store.outbox.claim(lease, { deviceId, limit: batch }, origin, Date.now())
  })
  if (claimed.length === 0) throw new Error('nothing was due')
  await measure('record what was sent', claimed.length, () =>
    Promise.all(
      claimed.map(({ message }) =>
        store.outbox.record(lease, message.id, { state: 'sent', at: Date.now() }, origin, Date.now()),
      ),
    ),
  )
  await measure('receipts', claimed.length, () =>
    Promise.all(
      claimed.map(({ message }) => {
        const receipt = { status: 'delivered', at: Date.now(), from: growthChat(1) } as const
        const whatsappIds = [message.whatsappId]
        return store.messages.recordReceipt(lease, { deviceId, whatsappIds, ...receipt }, origin, Date.now())
      }),
    ),
  )
  await measure('status', 200, async () => {
    for (let left = 200; left > 0; left -= 1) await store.devices.get(deviceId)
  })
  await list('newest', {})
  await list('of a chat', { chat: growthChat(turn % busyChats) })
  await list('of a chat, inbound', { chat: growthChat(turn % busyChats), direction: 'inbound' })
  await list('delivered', { status: 'delivered' })
  await list('inbound', { direction: 'inbound' })
  await list('before a time', { before: grown.middleAt })
  await measure('nextDue', 20, async () => {
    for (let left = 20; left > 0; left -= 1) await store.outbox.nextDue(deviceId)
  })
  return times
}

/** What a connector does for each device when it starts. */
const startUp = ({ store, leases }: Grown): Promise<number> =>
  timed(async () => {
    for (const [index, lease] of leases.entries()) {
      const deviceId = growthDevice(index)
      await store.outbox.recover(lease, deviceId, origin, Date.now())
      await store.outbox.nextDue(deviceId)
      await store.inbound.pending(deviceId, 1)
    }
  })

export const growth: Benchmark = {
  name: 'growth',
  title: 'the verbs of the store with 10,000 and with 5 million messages',

  async run({ quick, print }) {
    const count = quick ? manyMessagesQuick : manyMessages
    const rounds = quick ? 3 : 300
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-bench-'))
    const stores: Store[] = []
    try {
      const files = { few: path.join(folder, 'few.db'), many: path.join(folder, 'many.db') }
      await makeGrown(files.few, fewMessages)
      const tookMs = await timed(() => makeGrown(files.many, count))
      const sizeMb = (await stat(files.many)).size / bytesPerMb
      print(`${count} messages made in ${(tookMs / 1_000).toFixed(0)} s, ${sizeMb.toFixed(0)} MB`)

      const few = await open(files.few, fewMessages)
      stores.push(few.store)
      const many = await open(files.many, count)
      stores.push(many.store)
      const startUps = { few: await startUp(few), many: await startUp(many) }

      const samples = new Map<string, { few: number[]; many: number[] }>()
      const warmUps = quick ? 1 : 2 * growthDevices
      for (let round = 0; round < warmUps + rounds; round += 1) {
        for (const [name, grown] of [
          ['few', few],
          ['many', many],
        ] as const) {
          for (const [what, ms] of await measureRound(grown)) {
            const both = samples.get(what) ?? { few: [], many: [] }
            samples.set(what, both)
            if (round >= warmUps) both[name].push(ms)
          }
        }
      }

      const name = `${fewMessages} messages`
      return [
        ...[...samples].map(
          ([what, both]): Figure => ({
            what,
            unit: 'us',
            value: median(both.many) * 1_000,
            baseline: { name, value: median(both.few) * 1_000 },
            aim: { of: 'ratio', at: 'most', limit: ratioMax },
          }),
        ),
        { what: 'open the database', unit: 'ms', value: many.openMs, baseline: { name, value: few.openMs } },
        {
          what: `what a connector looks up for ${growthDevices} devices at its start`,
          unit: 'ms',
          value: startUps.many,
          baseline: { name, value: startUps.few },
        },
      ]
    } finally {
      for (const store of stores) await store.close()
      await rm(folder, { recursive: true, force: true })
    }
  },
}
