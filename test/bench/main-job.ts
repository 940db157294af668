/**
 * What the main job costs, from outside: time from start to the first QR, from the scan to `connected`, from the HTTP
 * request to the server's ack, and the memory of each process with one device. Prints a table; figures of one machine.
 */
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'

const links = 5
const warmUpSends = 30
const sends = 300
const inboundMessages = 100

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN

const row = (what: string, values: readonly number[]): void => {
  const sorted = values.toSorted((a, b) => a - b)
  const cells = [0.5, 0.99, 1].map((part) => quantile(sorted, part).toFixed(1).padStart(9))
  console.log(`${what.padEnd(44)}${cells.join('')}`)
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const at = performance.now()
  await work()
  return performance.now() - at
}

const rssMb = async (pid: number): Promise<number> => {
  const kb = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kb) / 1024
}

const world = await World.open()
try {
  const ready = await timed(async () => world.startGateway())
  const gateway = world.gateway
  const api = gateway.child.pid ?? 0
  const connector = await eventually('a connector', () => gateway.pidOf('connector'))
  const toQr: number[] = []
  const toConnected: number[] = []
  let memory: [number, number] = [0, 0]
  for (let index = 0; index < links; index += 1) {
    const [device, number] = [`bench${index}`, `1555100${index}`]
    await world.createPhone(number)
    toQr.push(
      await timed(async () => {
        await world.api('POST', `/api/devices/${device}/start`)
        await world.untilStatus(device, 'waiting_for_scan')
      }),
    )
    toConnected.push(
      await timed(async () => {
        await world.scan(number, device)
        await world.untilStatus(device, 'connected')
      }),
    )
    if (index === 0) memory = [await rssMb(api), await rssMb(connector)]
  }
  await world.createPhone('15551099')
  const send = (text: string) =>
    world.api('POST', '/api/devices/bench0/send', { to: '15551099', message: text })
  for (let index = 0; index < warmUpSends; index += 1) await send(`warm-up ${index}`)
  const acked: number[] = []
  for (let index = 0; index < sends; index += 1) {
    acked.push(
      await timed(async () => {
        const { status } = await send(`message ${index}`)
        if (status !== 200) throw new Error(`status ${status}`)
      }),
    )
  }
  const arrived: number[] = []
  for (let index = 0; index < inboundMessages; index += 1) {
    const { body } = await world.phone('POST', '/phones/15551099/messages', {
      to: '15551000',
      text: `in ${index}`,
    })
    const sentAt = performance.now()
    await eventually('stored', async () => {
      const [newest] = await world.messages('bench0', '&direction=inbound&limit=1')
      return newest?.whatsappId === String(body['id'])
    })
    arrived.push(performance.now() - sentAt)
  }
  console.log(`${cpus()[0]?.model ?? 'cpu'} x ${cpus().length}, node ${process.version}`)
  console.log(`${''.padEnd(44)}${['p50', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`)
  row('process start to API ready, ms', [ready])
  row('start to first QR, ms', toQr)
  row('scan to connected, ms', toConnected)
  row(`send to the server's ack, ms (${sends}, one by one)`, acked)
  row(`written on a phone to listed, ms (${inboundMessages})`, arrived)
  console.log(`${'RSS of the API with 1 device, MB'.padEnd(44)}${memory[0].toFixed(0).padStart(9)}`)
  console.log(`${'RSS of the connector with 1 device, MB'.padEnd(44)}${memory[1].toFixed(0).padStart(9)}`)
} finally {
  await world.close()
}
