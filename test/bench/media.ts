/** Files out and in, beside bare Baileys: how fast they go, and how much memory that takes at its peak. */
import { randomFillSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Pool } from 'undici'
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import type { Benchmark, BenchmarkRun, Figure } from './benchmark.ts'
import { deviceOf, openGateway } from './gateway.ts'
import { forgetPeak, median, peakMb, rssMb } from './measure.ts'
import { startStock, type StockClient } from './stock/stock.ts'

const mb = 1_000_000
const storedLimitMs = 120_000
/** What a file of 100 MB may add, of API and connector together. */
const addedMaxMb = 64
const [own, stockOwn, friend] = ['15551000', '15552000', '15559000'] as const
const to = `${friend}@s.whatsapp.net`

interface Load {
  readonly sizeMb: number
  readonly times: number
}

const loads: readonly Load[] = [
  { sizeMb: 1, times: 10 },
  { sizeMb: 10, times: 5 },
  { sizeMb: 100, times: 3 },
]
const quickLoads: readonly Load[] = [
  { sizeMb: 1, times: 2 },
  { sizeMb: 10, times: 1 },
]

/** How long it took, and how far the memory of the processes rose above what it was, together. */
interface Run {
  readonly ms: number
  readonly addedMb: number
  readonly peakMb: number
}

const measured = async (pids: readonly number[], work: () => Promise<number>): Promise<Run> => {
  const before = await Promise.all(pids.map(rssMb))
  await Promise.all(pids.map(forgetPeak))
  const ms = await work()
  const peaks = await Promise.all(pids.map(peakMb))
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
  return { ms, addedMb: sum(peaks) - sum(before), peakMb: sum(peaks) }
}

const figuresOf = (
  what: string,
  sizeMb: number,
  gateway: readonly Run[],
  stock: readonly Run[],
): Figure[] => {
  const title = `${sizeMb} MB ${what}`
  const name = 'stock sqlite'
  const rate = (runs: readonly Run[]): number => median(runs.map(({ ms }) => (sizeMb * 1_000) / ms))
  const added = (runs: readonly Run[]): number => Math.max(...runs.map(({ addedMb }) => addedMb))
  const peak = (runs: readonly Run[]): number => Math.max(...runs.map((run) => run.peakMb))
  return [
    { what: `${title}: rate`, unit: 'MB/s', value: rate(gateway), baseline: { name, value: rate(stock) } },
    {
      what: `${title}: RSS that is added at the peak, API and connector`,
      unit: 'MB',
      value: added(gateway),
      baseline: { name, value: added(stock) },
      ...(sizeMb === 100 ? { aim: { of: 'value', at: 'most', limit: addedMaxMb } as const } : {}),
    },
    {
      what: `${title}: peak RSS, API and connector`,
      unit: 'MB',
      value: peak(gateway),
      baseline: { name, value: peak(stock) },
    },
  ]
}

const run = async ({ quick, print }: BenchmarkRun): Promise<readonly Figure[]> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-media-bench-'))
  const world = await World.withGateway({ SEND_WAIT_MS: '300000', LINK_PREVIEWS: 'off' })
  const closers: (() => Promise<unknown>)[] = [() => world.close(), () => rm(folder, { recursive: true })]
  try {
    const gateway = await openGateway(world)
    closers.unshift(() => gateway.close())
    const stock: StockClient = await startStock(world, { keys: 'sqlite' })
    closers.unshift(() => stock.stop())
    await gateway.link([own])
    await stock.link(stockOwn)
    await world.createPhone(friend)
    const pool = new Pool(world.apiUrl, { headersTimeout: 0, bodyTimeout: 0 })
    closers.unshift(() => pool.close())

    const post = async (
      route: string,
      type: string,
      body: Parameters<Pool['request']>[0]['body'],
      length?: number,
    ) => {
      const answer = await pool.request({
        method: 'POST',
        path: route,
        headers: {
          'content-type': type,
          ...(length === undefined ? {} : { 'content-length': String(length) }),
        },
        ...(body === undefined ? {} : { body }),
      })
      const json = (await answer.body.json()) as Record<string, unknown>
      if (answer.statusCode >= 300) throw new Error(`${route}: ${JSON.stringify(json)}`)
      return json
    }
    /** From the first byte of the upload to WhatsApp's ack. */
    const gatewaySends = async (file: string): Promise<number> => {
      const at = performance.now()
      const { size } = await stat(file)
      const { uploadId } = await post(
        '/api/media?filename=file.bin',
        'application/octet-stream',
        createReadStream(file),
        size,
      )
      const message = JSON.stringify({ to, type: 'document', media: { uploadId } })
      await post(`/api/devices/${deviceOf(own)}/messages`, 'application/json', message)
      return performance.now() - at
    }
    /** A new file: neither party has seen it. */
    const newFile = async (sizeMb: number): Promise<string> => {
      const file = path.join(folder, 'file.bin')
      await writeFile(file, randomFillSync(Buffer.allocUnsafe(sizeMb * mb)))
      return file
    }
    const write = (account: string, sizeMb: number) =>
      world.phoneSend(friend, {
        to: `${account}@s.whatsapp.net`,
        type: 'document',
        filename: 'file.bin',
        mimetype: 'application/octet-stream',
        media: { bytes: sizeMb * mb },
      })
    /** From the message to the file, on disk and checked. */
    const gatewayReceives = async (sizeMb: number): Promise<number> => {
      const whatsappId = await write(own, sizeMb)
      return eventually(
        'the file is stored',
        () => {
          const [row] = world.query<{ state: string; ms: number }>(
            'select f.state, f.stored_at - f.created_at as ms from media f join messages m on m.id = f.message_id where m.whatsapp_id = ?',
            whatsappId,
          )
          if (row?.state === 'failed') throw new Error('the file was not fetched')
          return row?.state === 'stored' ? row.ms : undefined
        },
        storedLimitMs,
      )
    }
    let downloads = 0
    const stockReceives = async (sizeMb: number): Promise<number> => {
      await write(stockOwn, sizeMb)
      downloads += 1
      return stock.untilDownloaded(downloads)
    }

    const pids = [gateway.api, gateway.connector]
    // Libraries that are loaded with the first file, and the sessions, are there.
    await gatewaySends(await newFile(1))
    await stock.sendFile(stockOwn, to, await newFile(1))
    await gatewayReceives(1)
    await stockReceives(1)

    const figures: Figure[] = []
    for (const { sizeMb, times } of quick ? quickLoads : loads) {
      const out = { gateway: [] as Run[], stock: [] as Run[] }
      const back = { gateway: [] as Run[], stock: [] as Run[] }
      for (let time = 0; time < times; time += 1) {
        // What the friend would do with them is no part of the measurement.
        await world.phone('POST', `/phones/${friend}/power`, { on: false })
        const first = await newFile(sizeMb)
        out.gateway.push(await measured(pids, () => gatewaySends(first)))
        const second = await newFile(sizeMb)
        out.stock.push(await measured([stock.pid], () => stock.sendFile(stockOwn, to, second)))
        await world.phone('POST', `/phones/${friend}/power`, { on: true })
        await world.stats()
        back.gateway.push(await measured(pids, () => gatewayReceives(sizeMb)))
        back.stock.push(await measured([stock.pid], () => stockReceives(sizeMb)))
      }
      const now = [
        ...figuresOf('out', sizeMb, out.gateway, out.stock),
        ...figuresOf('in', sizeMb, back.gateway, back.stock),
      ]
      for (const { what, value, unit, baseline } of now) {
        print(`${what}: ${value.toFixed(1)} ${unit}, stock ${baseline?.value.toFixed(1)}`)
      }
      figures.push(...now)
    }
    return figures
  } finally {
    for (const close of closers) await close()
  }
}

export const media: Benchmark = {
  name: 'media',
  title:
    'files over HTTP to the ack and from the message to the disk, checked, beside bare Baileys with files of the disk, unchecked',
  run,
}
