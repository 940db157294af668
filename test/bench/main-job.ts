/** What the main job costs, from outside and without a baseline: to the first QR, to `connected`, to the ack. */
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { median, quantile, rssMb } from './measure.ts'

const warmUpSends = 30
const contact = '15551099'

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const at = performance.now()
  await work()
  return performance.now() - at
}

const figuresOf = (what: string, values: readonly number[]): Figure[] => [
  { what: `${what}, p50`, unit: 'ms', value: median(values) },
  { what: `${what}, p99`, unit: 'ms', value: quantile(values, 0.99) },
]

const linkOne = async (world: World, device: string, number: string): Promise<[number, number]> => {
  await world.createPhone(number)
  const toQr = await timed(async () => {
    await world.api('POST', `/api/devices/${device}/start`)
    await world.untilStatus(device, 'waiting_for_scan')
  })
  const toConnected = await timed(async () => {
    await world.scan(number, device)
    await world.untilStatus(device, 'connected')
  })
  return [toQr, toConnected]
}

const sendOne = async (world: World, text: string): Promise<void> => {
  const { status } = await world.api('POST', '/api/devices/bench0/send', { to: contact, message: text })
  if (status !== 200) throw new Error(`a send was answered with ${status}`)
}

const receiveOne = async (world: World, text: string): Promise<void> => {
  const { body } = await world.phone('POST', `/phones/${contact}/messages`, { to: '15551000', text })
  await eventually('stored', async () => {
    const [newest] = await world.messages('bench0', '&direction=inbound&limit=1')
    return newest?.whatsappId === String(body['id'])
  })
}

const times = async (count: number, work: (index: number) => Promise<unknown>): Promise<number[]> => {
  const all: number[] = []
  for (let index = 0; index < count; index += 1) all.push(await timed(() => work(index)))
  return all
}

const run = async ({ quick }: BenchmarkRun): Promise<readonly Figure[]> => {
  const [links, messages] = quick ? [1, 20] : [5, 200]
  const world = await World.open()
  try {
    const ready = await timed(async () => world.startGateway())
    const connector = await eventually('a connector', () => world.gateway.pidOf('connector'))
    const linked: [number, number][] = []
    let memory: Figure[] = []
    for (let index = 0; index < links; index += 1) {
      linked.push(await linkOne(world, `bench${index}`, `1555100${index}`))
      if (index > 0) continue
      memory = [
        {
          what: 'RSS of the API with 1 device',
          unit: 'MB',
          value: await rssMb(world.gateway.child.pid ?? 0),
        },
        { what: 'RSS of the connector with 1 device', unit: 'MB', value: await rssMb(connector) },
      ]
    }
    await world.createPhone(contact)
    await times(warmUpSends, (index) => sendOne(world, `warm-up ${index}`))
    const acked = await times(messages, (index) => sendOne(world, `message ${index}`))
    const arrived = await times(messages / 2, (index) => receiveOne(world, `in ${index}`))
    return [
      { what: 'process start to API ready', unit: 'ms', value: ready },
      ...figuresOf(
        'start to first QR',
        linked.map(([toQr]) => toQr),
      ),
      ...figuresOf(
        'scan to connected',
        linked.map(([, toConnected]) => toConnected),
      ),
      ...figuresOf("send to the server's ack, one by one, phones on", acked),
      ...figuresOf('written on a phone to listed', arrived),
      ...memory,
    ]
  } finally {
    await world.close()
  }
}

export const mainJob: Benchmark = {
  name: 'main-job',
  title: 'start, scan, send, receive: how long each takes',
  run,
}
