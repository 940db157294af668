import { randomBytes } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'
import type { Origin } from '../../src/domain/audit.ts'
import type { SocketClose } from '../../src/domain/disconnect.ts'
import type { Lease } from '../../src/domain/lease.ts'
import type { Message } from '../../src/domain/message.ts'
import type { AttemptOutcome } from '../../src/domain/outbox.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import type { Log } from '../../src/runtime/log.ts'
import type { Sandbox } from '../../src/sandbox/server.ts'
import type { KeyChanges, JournalRow, Store } from '../../src/store/store.ts'
import { createWhatsApp } from '../../src/whatsapp/baileys.ts'
import type { Receipt, SocketListener, WhatsApp, WhatsAppSocket } from '../../src/whatsapp/socket.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { claimDevice, memoryStore } from './signal/parties.ts'

const deviceId = 'phone-1'
const origin: Origin = { actor: { kind: 'connector', id: 'c1' }, requestId: 'req_1' }

const ignore = (): void => undefined
const quiet: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => quiet }

interface Hooks {
  /** Runs instead of the commit of an operation. */
  commit: (write: () => Promise<void>, changes: KeyChanges, journal: JournalRow | null) => Promise<void>
  /** Runs before a ciphertext is looked up in the journal, which is the first that is done with it. */
  received: () => Promise<void>
  /** Runs before a receipt counts as written. */
  receipt: (receipt: Receipt) => Promise<void>
  mayWrite: () => boolean
}

/** A device on our own adapter, with a store in memory and without the connector around it. */
export interface WireClient {
  readonly number: string
  readonly store: Store
  readonly lease: Lease
  readonly whatsapp: WhatsApp
  readonly hooks: Hooks
  readonly events: string[]
  readonly receipts: Receipt[]
  readonly closes: SocketClose[]
  readonly sessionIds: ReadonlySet<string>
  readonly socket: WhatsAppSocket
  /** Opens another socket, without waiting for what comes of it. */
  open(): Promise<void>
  /** Logs in with the credentials that are stored; resolves when it is open. */
  login(): Promise<void>
  drop(): void
  text(to: string, text: string): Promise<{ readonly id: string; readonly outcome: AttemptOutcome }>
  /** Turns the journal into messages, and lists the inbound ones, oldest first. */
  inbox(): Promise<readonly Message[]>
}

/** `way` is how to get to the sandbox, if it is not straight. */
export const link = async (
  sandbox: Sandbox,
  number: string,
  way: { readonly url?: string; readonly mediaCa?: string } = {},
): Promise<WireClient> => {
  const memory = await memoryStore()
  const lease = await claimDevice(memory, deviceId)
  const sessionIds = new Set<string>()
  const hooks: Hooks = {
    commit: (write) => write(),
    received: async () => undefined,
    receipt: async () => undefined,
    mayWrite: () => true,
  }
  const store: Store = {
    ...memory,
    auth: {
      ...memory.auth,
      commit: (...args) => {
        for (const id of Object.keys(args[2]['session'] ?? {})) sessionIds.add(id)
        return hooks.commit(() => memory.auth.commit(...args), args[2], args[3])
      },
      journaled: async (...args) => {
        await hooks.received()
        return memory.auth.journaled(...args)
      },
    },
  }
  const whatsapp = await createWhatsApp({
    store,
    clock: systemClock,
    log: quiet,
    options: {
      url: sandbox.url,
      ...way,
      noiseRootKey: Buffer.from(sandbox.noiseRootKey, 'hex'),
      keepAliveMs: 30_000,
    },
  })
  const events: string[] = []
  const receipts: Receipt[] = []
  const closes: SocketClose[] = []
  let qr = ''
  const listener: SocketListener = {
    onQr: (text) => {
      qr = text
    },
    onPaired: () => events.push('paired'),
    onOpened: () => events.push('opened'),
    onAnswer: () => events.push('answer'),
    onPasskeyRequired: ignore,
    onJournaled: () => events.push('journaled'),
    onUndecryptable: async (stanzaKey, promotion) => {
      events.push('undecryptable')
      const input = { deviceId, stanzaKey: `undecryptable ${stanzaKey}`, promotion }
      await memory.inbound.promote(lease, input, origin, Date.now())
    },
    onMemberReceipts: async (receipts, others) => {
      const input = { deviceId, ...receipts, others }
      await memory.receipts.recordOfMembers(lease, input, origin, Date.now())
    },
    onReceipt: async (receipt) => {
      await hooks.receipt(receipt)
      receipts.push(receipt)
    },
    onRestricted: ignore,
    onMarked: ignore,
    onSightings: ignore,
    onDeaf: () => events.push('deaf'),
    onStoreFailed: () => events.push('store failed'),
    onLeaseLost: () => events.push('lease lost'),
    onClosed: (close) => {
      closes.push(close)
      events.push(`closed ${close.code}`)
    },
  }
  let socket: WhatsAppSocket | undefined
  const open = async (): Promise<void> => {
    socket?.drop()
    socket = await whatsapp.open({ deviceId, lease, mayWrite: () => hooks.mayWrite(), listener })
  }
  const client: WireClient = {
    number,
    store,
    lease,
    whatsapp,
    hooks,
    events,
    receipts,
    closes,
    sessionIds,
    get socket() {
      if (socket === undefined) throw new Error('there is no socket yet')
      return socket
    },
    open,
    async login() {
      events.length = 0
      await open()
      await until('the login', () => events.includes('opened'))
    },
    drop: () => socket?.drop(),
    async text(to, text) {
      const id = `3EB0${randomBytes(9).toString('hex').toUpperCase()}`
      const content = proto.Message.encode({ conversation: text }).finish()
      const jid = to.includes('@') ? to : `${to}@s.whatsapp.net`
      const message = {
        id,
        deviceId,
        whatsappId: id,
        direction: 'outbound' as const,
        chat: { pn: jid, lid: null },
        sender: { pn: `${number}@s.whatsapp.net`, lid: null },
        senderName: null,
        type: 'text' as const,
        text,
        whatsappAt: null,
        content,
      }
      await memory.outbox.enqueue({ message }, () => message, origin, Date.now())
      return { id, outcome: await client.socket.send({ to: jid, whatsappId: id, content }) }
    },
    async inbox() {
      for (const { stanzaKey, stanza, plaintexts } of await memory.inbound.pending(deviceId, 1_000)) {
        const promotion = whatsapp.promote(stanza, plaintexts, deviceId, Date.now())
        await memory.inbound.promote(lease, { deviceId, stanzaKey, promotion }, origin, Date.now())
      }
      const { items } = await memory.messages.list({ deviceId, direction: 'inbound' }, { limit: 1_000 })
      return items.toReversed()
    },
  }
  const control = controlOf(sandbox)
  await control.phone(number)
  await open()
  await until('a QR', () => qr !== '')
  const { status, body } = await control.post(`/phones/${number}/scan`, { qr })
  if (status !== 200) throw new Error(String(body.error))
  await until('the 515 after the scan', () => events.includes('closed 515'))
  await client.login()
  await untilQuiet(sandbox, number)
  return client
}

/** How many stanzas the server still holds for the device of this number. */
export const waitingFor = async (sandbox: Sandbox, number: string): Promise<number> => {
  const { companions } = await controlOf(sandbox).get<{ companions: { waiting: number }[] }>(
    `/phones/${number}`,
  )
  return companions[0]?.waiting ?? 0
}

export const untilQuiet = (sandbox: Sandbox, number: string): Promise<boolean> =>
  until(`the mailbox of ${number} to be empty`, async () => (await waitingFor(sandbox, number)) === 0)

export const deviceOfWire = deviceId
