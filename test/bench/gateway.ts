/** Drives the gateway as a client of its HTTP API would, with as little work of its own as can be. */
import { Pool } from 'undici'
import { eventually } from '../flows/processes.ts'
import type { World } from '../flows/world.ts'
import type { SendOrder, SendResult } from './stock/protocol.ts'

export interface GatewayClient {
  readonly api: number
  readonly connector: number
  /** Makes a phone for each number and links the device `d` + number to it. */
  link(numbers: readonly string[]): Promise<void>
  /** Like the one of the stock client; a send ends with the answer 200, when the server's ack is recorded. */
  send(orders: readonly SendOrder[]): Promise<SendResult>
  close(): Promise<void>
}

const connectionsMax = 64
const linksAtOnce = 4

export const deviceOf = (number: string): string => `d${number}`

/** Runs `work` for each item, so many at once. */
export const each = async <T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> => {
  const left = items.values()
  const worker = async (): Promise<void> => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** For a world whose gateway runs as one `serve`. */
export const openGateway = async (world: World): Promise<GatewayClient> => {
  const { gateway } = world
  const connector = await eventually('a connector', () => gateway.pidOf('connector'))
  const pool = new Pool(world.apiUrl, { connections: connectionsMax, pipelining: 1 })

  const sendOne = async (account: string, to: string, message: string): Promise<void> => {
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: `/api/devices/${deviceOf(account)}/send`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to, message }),
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`a send was answered with ${statusCode}: ${text}`)
  }

  let sends = 0
  const sendAll = async ({ account, to, count, inFlight }: SendOrder): Promise<number[]> => {
    const latencies: number[] = []
    await each(Array.from({ length: count }), inFlight, async () => {
      sends += 1
      const at = performance.now()
      await sendOne(account, to, `a text of some length ${sends}`)
      latencies.push(performance.now() - at)
    })
    return latencies
  }

  return {
    api: gateway.child.pid ?? 0,
    connector,
    link: (numbers) => each(numbers, linksAtOnce, (number) => world.link(deviceOf(number), number)),
    async send(orders) {
      const at = performance.now()
      const latenciesMs = (await Promise.all(orders.map(sendAll))).flat()
      return { latenciesMs, elapsedMs: performance.now() - at }
    },
    close: () => pool.close(),
  }
}
