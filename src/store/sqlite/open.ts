import { closeSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'
import BetterSqlite, { type Database } from 'better-sqlite3'
import { drizzle } from './drizzle.ts'
import { systemClock, type Clock } from '../../runtime/clock.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { Log } from '../../runtime/log.ts'
import { StoreError, type Store } from '../store.ts'
import { createActs } from './act-verbs.ts'
import { createActQueries } from './acts.ts'
import { createAddresses, createAddressQueries } from './addresses.ts'
import { createAuditChain } from './audit-chain.ts'
import { createAudit } from './audit.ts'
import { createAuth } from './auth.ts'
import { createBulks } from './bulks.ts'
import { createChats } from './chats.ts'
import { createDeliverySettling } from './delivery-settling.ts'
import { createDeviceQueries, createDevices } from './devices.ts'
import { createEngine, engineLimits, type EngineLimits } from './engine.ts'
import { isBusy, toStoreError } from './errors.ts'
import { createEvents } from './events.ts'
import { createFanOut } from './fan-out.ts'
import { createFence } from './fence.ts'
import { createInbound } from './inbound.ts'
import { createLeases } from './leases.ts'
import { createMedia } from './media.ts'
import { createMediaQueries } from './media-rows.ts'
import { createMessageRemoval } from './message-removal.ts'
import { createMessageMarks } from './message-marks.ts'
import { createMessageQueries } from './message-rows.ts'
import { createMessages, createReceive } from './messages.ts'
import { createMeta } from './meta.ts'
import { inspect, migrate } from './migrate.ts'
import { createOperations } from './operations.ts'
import { createNumbers } from './numbers.ts'
import { createCancel } from './outbox-cancel.ts'
import { createOutboxQueue } from './outbox-queue.ts'
import { createExpire, createSchedule } from './outbox-schedule.ts'
import { createOutbox } from './outbox.ts'
import { createPeople } from './people.ts'
import { createReceipts } from './receipts.ts'
import { createRetention } from './retention.ts'
import { type CheckRoom, createRoom } from './room.ts'
import { createSearch } from './search.ts'
import { createPacing } from './pacing.ts'
import { createTracer } from './trace.ts'
import { openWakeups } from './wakeups.ts'
import { createWebhookQueries } from './webhook-rows.ts'
import { createWebhooks } from './webhooks.ts'

/** How long a start waits for another process that migrates or recovers the same database. */
const openMaxMs = 15_000
const openPauseMs = 20
/** The write-ahead log is cut back to this size after it had to grow. */
const walSizeMaxBytes = 64 * 1024 * 1024

export interface OpenOptions {
  /** The database file, made with its folder when it is not there; `:memory:` for one that ends with the store. */
  readonly file: string
  /** Where the processes of one database find each other's sockets; the folder of the file when not given. */
  readonly wakeupsDir?: string
  /** The database does not grow beyond it: then writes fail as `full`, and reads go on. No limit when not given. */
  readonly maxBytes?: number
  /** No new message is accepted while the disk has less free space; everything else is still written. None when not given. */
  readonly reserveBytes?: number
  readonly limits?: Partial<EngineLimits>
  readonly clock?: Clock
  readonly log?: Log
}

const isMemory = (file: string): boolean => file === ':memory:'

/** Makes the file, readable for its owner alone; SQLite gives its log and shared memory the same mode. */
const makeFile = (file: string): void => {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600))
}

const configure = (client: Database, maxBytes: number | undefined): void => {
  const mode = client.pragma('journal_mode = wal', { simple: true })
  if (mode !== 'wal' && mode !== 'memory') {
    throw new StoreError(
      'failed',
      'the file system cannot hold a write-ahead log: put the data folder on a local disk',
    )
  }
  client.pragma('synchronous = full')
  client.pragma('foreign_keys = on')
  client.pragma(`journal_size_limit = ${walSizeMaxBytes}`)
  if (maxBytes !== undefined) {
    const pageBytes = Number(client.pragma('page_size', { simple: true }))
    client.pragma(`max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`)
  }
}

const untilFree = async (step: () => void, clock: Clock): Promise<void> => {
  const until = clock.monotonic() + openMaxMs
  for (;;) {
    try {
      return step()
    } catch (error) {
      if (!isBusy(error) || clock.monotonic() >= until) throw error
      await sleep(openPauseMs)
    }
  }
}

const openClient = async ({ file, maxBytes }: OpenOptions, clock: Clock): Promise<Database> => {
  if (!isMemory(file)) makeFile(file)
  const client = new BetterSqlite(file, { timeout: 0 })
  try {
    await untilFree(() => inspect(client, file), clock)
    await untilFree(() => configure(client, maxBytes), clock)
    await untilFree(() => migrate(client, file), clock)
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

/**
 * Opens the store, and makes or migrates its database first. Rejects with StoreVersionError when the file is none of
 * ours or of a newer version, and with StoreError when it cannot be written or stays locked.
 */
export const openStore = async (options: OpenOptions): Promise<Store> => {
  const { file, wakeupsDir, reserveBytes = 0, log, clock = systemClock } = options
  let client: Database
  try {
    client = await openClient(options, clock)
  } catch (thrown) {
    const error = toStoreError(thrown)
    if (!(error instanceof StoreError)) throw error
    throw new StoreError(error.kind, `cannot open ${file}: ${error.message}`, { cause: thrown })
  }
  const folder = isMemory(file) ? undefined : (wakeupsDir ?? path.dirname(file))
  const wakeups = await openWakeups(client, { folder, log })
  const engine = createEngine(client, {
    clock,
    limits: { ...engineLimits, ...options.limits },
    onCommit: () => wakeups.committed(),
    onBusy: () => wakeups.askForTurn(),
    onYield: () => wakeups.giveTurn(),
  })
  wakeups.turns({ asked: () => engine.yieldTurn(), free: () => engine.tryNow() })

  const checkRoom: CheckRoom =
    isMemory(file) || reserveBytes === 0
      ? () => undefined
      : createRoom(path.dirname(file), reserveBytes, clock)

  const db = drizzle(client)
  const fence = createFence(db)
  const webhookQueries = createWebhookQueries(db)
  const fanOut = createFanOut(db, webhookQueries)
  const settleDelivery = createDeliverySettling(db, webhookQueries)
  const chain = createAuditChain(db)
  const tracer = createTracer(db, { chain, fanOut })
  const queue = createOutboxQueue(db)
  const deviceQueries = createDeviceQueries(db)
  const messageQueries = createMessageQueries(db)
  const mediaQueries = createMediaQueries(db)
  const addressQueries = createAddressQueries(db)
  const actQueries = createActQueries(db, { tracer, messages: messageQueries, addresses: addressQueries })
  const marks = createMessageMarks(db, tracer, messageQueries)
  const receive = createReceive({ tracer, queries: messageQueries, queue, acts: actQueries })
  const expire = createExpire({ tracer, messages: messageQueries, queue })
  const cancel = createCancel({ tracer, messages: messageQueries, queue })
  const removal = createMessageRemoval(db)
  const meta = createMeta(db, engine, checkRoom)

  return {
    devices: createDevices(db, engine, { fence, tracer, queries: deviceQueries }),
    messages: createMessages(db, engine, { fence, queries: messageQueries, receive, marks }),
    receipts: createReceipts(db, engine, {
      fence,
      tracer,
      messages: messageQueries,
      addresses: addressQueries,
      receive,
    }),
    search: createSearch(db, engine),
    chats: createChats(db, engine),
    outbox: createOutbox(engine, {
      fence,
      tracer,
      checkRoom,
      devices: deviceQueries,
      messages: messageQueries,
      addresses: addressQueries,
      queue,
      acts: actQueries,
      expire,
      cancel,
    }),
    bulks: createBulks(db, engine, {
      fence,
      tracer,
      checkRoom,
      devices: deviceQueries,
      messages: messageQueries,
      addresses: addressQueries,
      queue,
      cancel,
    }),
    operations: createOperations(db, engine, {
      fence,
      tracer,
      checkRoom,
      devices: deviceQueries,
      messages: messageQueries,
      marks,
    }),
    numbers: createNumbers(db, engine, { fence }),
    pacing: createPacing(db, engine, { fence, tracer, messages: messageQueries, queue, expire }),
    schedule: createSchedule(db, engine, { fence, tracer, messages: messageQueries, queue, expire }),
    auth: createAuth(db, engine, { fence, tracer }),
    inbound: createInbound(db, engine, {
      fence,
      tracer,
      messages: messageQueries,
      addresses: addressQueries,
      media: mediaQueries,
      acts: actQueries,
    }),
    acts: createActs(db, engine, {
      fence,
      tracer,
      queries: actQueries,
      messages: messageQueries,
      addresses: addressQueries,
    }),
    media: createMedia(db, engine, { fence, tracer, queries: mediaQueries }),
    addresses: createAddresses(db, engine, { fence, queries: addressQueries, queue }),
    leases: createLeases(db, engine, clock),
    events: createEvents(db, engine, { fence, tracer, addresses: addressQueries }),
    audit: createAudit(db, engine, { fence, chain }),
    webhooks: createWebhooks(engine, { fence, tracer, queries: webhookQueries, fanOut }),
    retention: createRetention(db, engine, { fence, tracer, removal, settleDelivery }),
    people: createPeople(db, engine, { tracer, queue, cancel, removal, fanOut, settleDelivery }),
    onChange: (listener) => wakeups.subscribe(listener),
    ...meta,
    async close() {
      await engine.close()
      await wakeups.close()
    },
  }
}
