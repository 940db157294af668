/**
 * Bare Baileys in a process of its own: its own Signal repository, `makeCacheableSignalKeyStore` over the key store, and
 * otherwise the defaults. Takes orders over IPC (protocol.ts).
 */
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import {
  type BinaryNode,
  DisconnectReason,
  downloadMediaMessage,
  type GroupMetadata,
  makeCacheableSignalKeyStore,
  makeWASocket,
  type SocketConfig,
  WA_CERT_DETAILS,
  type WAMessage,
  type WASocket,
} from '@whiskeysockets/baileys'
import { memoryStore, sqliteStore, type StockAuth } from './key-store.ts'
import type { Call, ClientSetup, Order, Reply, SendOrder, SendResult } from './protocol.ts'

const setup = JSON.parse(process.argv[2] ?? '') as ClientSetup
const ackLimitMs = 60_000

WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(setup.noiseRootKey, 'hex')
const silent = (): void => undefined
// libsignal prints whole sessions, which would cost the stock client time that says nothing about it.
for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const) console[method] = silent
const logger: SocketConfig['logger'] = {
  level: 'silent',
  child: () => logger,
  trace: silent,
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
}

interface Account {
  readonly auth: StockAuth
  readonly keys: SocketConfig['auth']['keys']
  readonly acks: Map<string, (error: string | undefined) => void>
  sock: WASocket | undefined
}

const store = setup.file === null ? memoryStore() : sqliteStore(setup.file)
const accounts = new Map<string, Account>()
let received = 0
const receivers = new Set<() => void>()

const tell = (reply: Reply): void => {
  process.send?.(reply)
}

const accountOf = (name: string): Account => {
  const known = accounts.get(name)
  if (known !== undefined) return known
  const auth = store(name)
  const account = {
    auth,
    keys: makeCacheableSignalKeyStore(auth.keys, logger),
    acks: new Map(),
    sock: undefined,
  }
  accounts.set(name, account)
  return account
}

/** How long each download took, in ms. */
const downloads: number[] = []
const download = async (message: WAMessage): Promise<void> => {
  const at = performance.now()
  const target = path.join(setup.folder, `download-${downloads.length}`)
  await pipeline(await downloadMediaMessage(message, 'stream', {}), createWriteStream(target))
  await rm(target)
  downloads.push(performance.now() - at)
  for (const check of receivers) check()
}

const listen = (name: string, account: Account, sock: WASocket, ends: PromiseWithResolvers<void>): void => {
  const { ev, ws } = sock
  ev.on('creds.update', (update) => {
    Object.assign(account.auth.creds, update)
    account.auth.saveCreds()
  })
  ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
    if (account.sock !== sock) return
    if (qr !== undefined) tell({ kind: 'qr', account: name, text: qr })
    if (connection === 'open') ends.resolve()
    if (connection !== 'close') return
    const error = lastDisconnect?.error as { output?: { statusCode?: number }; message?: string } | undefined
    // After the scan WhatsApp asks for a new socket.
    if (error?.output?.statusCode === DisconnectReason.restartRequired) connect(name, account, ends)
    else ends.reject(new Error(`account ${name} was closed: ${error?.message ?? 'no reason given'}`))
  })
  ev.on('messages.upsert', ({ messages }) => {
    for (const message of messages) {
      if (message.key.fromMe !== true && message.message?.documentMessage) void download(message)
    }
    received += messages.filter(
      ({ key, message }) => key.fromMe !== true && message !== null && message !== undefined,
    ).length
    for (const check of receivers) check()
  })
  ws.on('CB:ack,class:message', ({ attrs }: BinaryNode) =>
    account.acks.get(attrs['id'] ?? '')?.(attrs['error']),
  )
}

const connect = (name: string, account: Account, ends: PromiseWithResolvers<void>): void => {
  const groups = new Map<string, GroupMetadata>()
  const sock: WASocket = makeWASocket({
    auth: { creds: account.auth.creds, keys: account.keys },
    logger,
    waWebSocketUrl: setup.url,
    // As Baileys advises; without it each message to a group asks the server first.
    cachedGroupMetadata: async (group) => {
      const known = groups.get(group) ?? (await sock.groupMetadata(group))
      groups.set(group, known)
      return known
    },
  })
  account.sock = sock
  listen(name, account, sock, ends)
}

const open = async (name: string): Promise<void> => {
  const ends = Promise.withResolvers<void>()
  connect(name, accountOf(name), ends)
  await ends.promise
}

const close = async (name: string): Promise<void> => {
  const account = accountOf(name)
  const { sock } = account
  account.sock = undefined
  await sock?.end(undefined)
}

/** `sendMessage` resolves when the bytes are written; a send has succeeded when the server acks it. */
const sendOne = async (account: Account, to: string, messageId: string): Promise<number> => {
  const { sock, acks } = account
  if (sock === undefined) throw new Error('the account is not open')
  const at = performance.now()
  const acked = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ack for ${messageId}`)), ackLimitMs)
    acks.set(messageId, (error) => {
      clearTimeout(timer)
      acks.delete(messageId)
      if (error === undefined) resolve()
      else reject(new Error(`refused with ${error}`))
    })
  })
  await Promise.all([
    sock.sendMessage(to, { text: `a text of some length ${messageId}` }, { messageId }),
    acked,
  ])
  return performance.now() - at
}

const sendFile = async (name: string, to: string, file: string): Promise<number> => {
  const account = accountOf(name)
  const { sock, acks } = account
  if (sock === undefined) throw new Error('the account is not open')
  const at = performance.now()
  const messageId = `3EB1${String(Date.now()).padStart(18, '0')}`
  const acked = new Promise<void>((resolve) => {
    acks.set(messageId, () => resolve())
  })
  const content = { document: { url: file }, mimetype: 'application/octet-stream', fileName: 'file.bin' }
  await sock.sendMessage(to, content, { messageId })
  await acked
  acks.delete(messageId)
  return performance.now() - at
}

const untilDownloaded = (count: number): Promise<number> =>
  new Promise((resolve) => {
    const check = (): void => {
      if (downloads.length < count) return
      receivers.delete(check)
      resolve(downloads[count - 1] ?? Number.NaN)
    }
    receivers.add(check)
    check()
  })

let sends = 0
const sendAll = async ({ account: name, to, count, inFlight }: SendOrder): Promise<number[]> => {
  const account = accountOf(name)
  const latencies: number[] = []
  let left = count
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      sends += 1
      latencies.push(await sendOne(account, to, `3EB0${String(sends).padStart(18, '0')}`))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return latencies
}

const untilReceived = (count: number): Promise<number> =>
  new Promise((resolve) => {
    const check = (): void => {
      if (received < count) return
      receivers.delete(check)
      resolve(received)
    }
    receivers.add(check)
    check()
  })

const carryOut = async (order: Order): Promise<unknown> => {
  switch (order.kind) {
    case 'open':
      return open(order.account)
    case 'close':
      return close(order.account)
    case 'send': {
      const at = performance.now()
      const latenciesMs = (await Promise.all(order.orders.map(sendAll))).flat()
      return { latenciesMs, elapsedMs: performance.now() - at } satisfies SendResult
    }
    case 'received':
      return untilReceived(order.count)
    case 'send-file':
      return sendFile(order.account, order.to, order.file)
    case 'downloaded':
      return untilDownloaded(order.count)
    case 'collect':
      return globalThis.gc?.()
  }
}

process.on('message', (message) => {
  const { id, ...order } = message as Call
  carryOut(order as Order).then(
    (value) => tell({ kind: 'done', id, value }),
    (error: unknown) =>
      tell({ kind: 'failed', id, error: error instanceof Error ? error.message : String(error) }),
  )
})
process.once('disconnect', () => process.exit(0))
