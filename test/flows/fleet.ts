/** Hundreds of linked devices, made as fast as the machine can. */
import type { World } from './world.ts'

export interface FleetDevice {
  readonly device: string
  /** Of the phone that it is linked to, and to no other device. */
  readonly number: string
}

interface Row {
  readonly id: string
  readonly status: string
  readonly qr: string | null
}

const linksAtOnce = 12
const pollMs = 50
const linkLimitMs = 120_000
const numberBase = 15_556_000_000

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Looks at all devices at once: a request for each of them, again and again, would cost more than the linking. */
const watchRows = (world: World) => {
  let rows = new Map<string, Row>()
  let over = false
  const watch = async (): Promise<void> => {
    while (!over) {
      rows = new Map(
        world.query<Row>('select id, status, qr_text as qr from devices').map((row) => [row.id, row]),
      )
      await sleep(pollMs)
    }
  }
  const ended = watch()
  return {
    async until(device: string, what: string, holds: (row: Row) => boolean): Promise<Row> {
      const end = performance.now() + linkLimitMs
      for (;;) {
        const row = rows.get(device)
        if (row !== undefined && holds(row)) return row
        if (performance.now() >= end) throw new Error(`${device} was not ${what}: ${JSON.stringify(row)}`)
        await Promise.race([sleep(pollMs), ended])
      }
    },
    async stop() {
      over = true
      await ended
    },
  }
}

/** Links the devices `fleet0…` from `from` on until there are `count`, several at a time. */
export const linkFleet = async (world: World, count: number, from = 0): Promise<FleetDevice[]> => {
  const fleet = Array.from({ length: count - from }, (_, index) => ({
    device: `fleet${from + index}`,
    number: String(numberBase + from + index),
  }))
  const rows = watchRows(world)
  const left = fleet.values()
  const worker = async (): Promise<void> => {
    for (const { device, number } of left) {
      await world.createPhone(number)
      await world.api('POST', `/api/devices/${device}/start`)
      const { qr } = await rows.until(device, 'shown a QR', (row) => row.qr !== null)
      // The text: reading its picture would be the work of a phone's camera, and costs more than the link.
      const answer = await world.phone('POST', `/phones/${number}/scan`, { qr })
      if (answer.status !== 200) throw new Error(`${device} was not scanned: ${JSON.stringify(answer)}`)
      await rows.until(device, 'connected', (row) => row.status === 'connected')
    }
  }
  try {
    await Promise.all(Array.from({ length: linksAtOnce }, worker))
  } finally {
    await rows.stop()
  }
  return fleet
}
