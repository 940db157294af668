/** Drives a stock Baileys client in a process of its own: the baseline of the benchmarks. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { World } from '../../flows/world.ts'
import type { ClientSetup, Order, Reply, SendOrder, SendResult } from './protocol.ts'

const clientFile = fileURLToPath(new URL('client.ts', import.meta.url))
const orderLimitMs = 300_000

export interface StockOptions {
  /** `sqlite` as a careful user would write it, or keys in memory alone. */
  readonly keys: 'sqlite' | 'memory'
  /** Lets `collect` run the garbage collector. */
  readonly exposeGc?: boolean
}

export interface StockClient {
  readonly name: string
  readonly pid: number
  /** Makes a phone with this number, and links an account of the same name to it. Resolves when it is open. */
  link(number: string): Promise<void>
  /** Opens linked accounts again, so many logins at once; resolves with the ms until the last one was open. */
  openAll(numbers: readonly string[], concurrency?: number): Promise<number>
  /** Closes their sockets without logging out. */
  closeAll(numbers: readonly string[]): Promise<void>
  send(orders: readonly SendOrder[]): Promise<SendResult>
  /** Waits until so many messages have been decoded since the process started, in all accounts; gives the number. */
  untilReceived(count: number): Promise<number>
  /** Sends a file as a document; gives the ms until the server's ack. */
  sendFile(account: string, to: string, file: string): Promise<number>
  /** Waits until so many documents have been downloaded since the process started; gives the ms of the last. */
  untilDownloaded(count: number): Promise<number>
  /** Runs the garbage collector; does nothing without `exposeGc`. */
  collect(): Promise<void>
  stop(): Promise<void>
}

const startProcess = (setup: ClientSetup, exposeGc: boolean, mediaCa: string | undefined): ChildProcess => {
  const { NODE_OPTIONS: _options, ...inherited } = process.env
  const env = { ...inherited, TMPDIR: setup.folder, ...(mediaCa && { NODE_EXTRA_CA_CERTS: mediaCa }) }
  return fork(clientFile, [JSON.stringify(setup)], { env, execArgv: exposeGc ? ['--expose-gc'] : [] })
}

export const startStock = async (
  world: World,
  { keys, exposeGc = false }: StockOptions,
): Promise<StockClient> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'wag-stock-'))
  const child = startProcess(
    {
      url: world.environment['WHATSAPP_URL'] ?? '',
      noiseRootKey: world.environment['WHATSAPP_NOISE_ROOT_KEY'] ?? '',
      file: keys === 'sqlite' ? path.join(folder, 'auth.db') : null,
      folder,
    },
    exposeGc,
    world.environment['WHATSAPP_MEDIA_CA'],
  )
  const ended = once(child, 'exit')
  const calls = new Map<number, PromiseWithResolvers<unknown>>()
  const scanned = new Set<string>()
  let nextId = 1

  const scan = async (account: string, text: string): Promise<void> => {
    if (scanned.has(account)) return
    scanned.add(account)
    const answer = await world.phone('POST', `/phones/${account}/scan`, { qr: text })
    if (answer.status !== 200) throw new Error(`the phone could not scan: ${JSON.stringify(answer)}`)
  }
  const failAll = (error: unknown): void => {
    for (const { reject } of calls.values()) reject(error)
    calls.clear()
  }
  child.on('message', (message) => {
    const reply = message as Reply
    if (reply.kind === 'qr') {
      scan(reply.account, reply.text).catch(failAll)
      return
    }
    const call = calls.get(reply.id)
    calls.delete(reply.id)
    if (reply.kind === 'done') call?.resolve(reply.value)
    else call?.reject(new Error(`stock client: ${reply.error}`))
  })
  child.once('exit', (code) => failAll(new Error(`the stock client ended with ${code}`)))

  const order = async (given: Order): Promise<unknown> => {
    const id = nextId++
    const call = Promise.withResolvers<unknown>()
    calls.set(id, call)
    const timer = setTimeout(
      () => call.reject(new Error(`the stock client did not ${given.kind} within ${orderLimitMs} ms`)),
      orderLimitMs,
    )
    child.send({ id, ...given })
    try {
      return await call.promise
    } finally {
      clearTimeout(timer)
      calls.delete(id)
    }
  }

  return {
    name: `stock ${keys}`,
    pid: child.pid ?? 0,
    async link(number) {
      await world.createPhone(number)
      await order({ kind: 'open', account: number })
    },
    async openAll(numbers, concurrency = numbers.length) {
      const at = performance.now()
      const left = [...numbers]
      const worker = async (): Promise<void> => {
        for (let account = left.shift(); account !== undefined; account = left.shift()) {
          await order({ kind: 'open', account })
        }
      }
      await Promise.all(Array.from({ length: Math.min(concurrency, numbers.length) }, worker))
      return performance.now() - at
    },
    async closeAll(numbers) {
      await Promise.all(numbers.map((account) => order({ kind: 'close', account })))
    },
    send: (orders) => order({ kind: 'send', orders }) as Promise<SendResult>,
    untilReceived: (count) => order({ kind: 'received', count }) as Promise<number>,
    sendFile: (account, to, file) => order({ kind: 'send-file', account, to, file }) as Promise<number>,
    untilDownloaded: (count) => order({ kind: 'downloaded', count }) as Promise<number>,
    async collect() {
      await order({ kind: 'collect' })
    },
    async stop() {
      if (child.connected) child.disconnect()
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}
