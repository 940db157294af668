import {
  type AuthenticationCreds,
  Browsers,
  type ConnectionState,
  initAuthCreds,
  makeWASocket,
  type proto,
  type SignalDataTypeMap,
  type SignalKeyStore,
  type UserFacingSocketConfig,
  type WAMessage,
  WA_CERT_DETAILS,
  type WASocket,
} from '@whiskeysockets/baileys'
import QRCode from 'qrcode'
import type { Sandbox } from '../../src/sandbox/server.ts'

/** Longest that a test waits for anything. */
const waitMaxMs = 10_000
const pollMs = 10

export const until = async <T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> => {
  const deadline = performance.now() + waitMaxMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) return found
    if (performance.now() > deadline) throw new Error(`waited ${waitMaxMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

const memoryKeys = (): SignalKeyStore & { readonly rows: Map<string, unknown> } => {
  const rows = new Map<string, unknown>()
  return {
    rows,
    get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const found: { [id: string]: SignalDataTypeMap[T] } = {}
      for (const id of ids) {
        const value = rows.get(`${type} ${id}`)
        if (value !== undefined) found[id] = value as SignalDataTypeMap[T]
      }
      return found
    },
    set: (data) => {
      for (const [type, byId] of Object.entries(data)) {
        for (const [id, value] of Object.entries(byId ?? {})) {
          if (value === null || value === undefined) rows.delete(`${type} ${id}`)
          else rows.set(`${type} ${id}`, value)
        }
      }
    },
  }
}

const silent = {
  level: 'silent',
  child: () => silent,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

interface Received {
  readonly type: string
  readonly message: WAMessage
}

/** A stock Baileys client: credentials that outlive its sockets, and a record of what the sockets said. */
export interface Client {
  readonly creds: AuthenticationCreds
  readonly keys: ReturnType<typeof memoryKeys>
  readonly updates: Partial<ConnectionState>[]
  readonly received: Received[]
  /** Ids of the messages that came as history. */
  readonly history: Set<string>
  readonly statuses: { id: string; status: number }[]
  readonly acks: Record<string, string>[]
  readonly nodes: { tag: string; attrs: Record<string, string> }[]
  readonly sentIds: Set<string>
  socket: WASocket
  connect(options?: Partial<UserFacingSocketConfig>): WASocket
  close(): Promise<void>
}

export const createClient = (sandbox: Sandbox): Client => {
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(sandbox.noiseRootKey, 'hex')
  const creds = initAuthCreds()
  const keys = memoryKeys()
  const store = new Map<string, proto.IMessage>()
  const client: Client = {
    creds,
    keys,
    updates: [],
    received: [],
    history: new Set(),
    statuses: [],
    acks: [],
    nodes: [],
    sentIds: new Set(),
    socket: undefined as unknown as WASocket,
    connect(options = {}) {
      const socket = makeWASocket({
        waWebSocketUrl: sandbox.url,
        auth: { creds, keys },
        logger: silent,
        browser: Browsers.ubuntu('Chrome'),
        markOnlineOnConnect: true,
        connectTimeoutMs: 5000,
        retryRequestDelayMs: 10,
        getMessage: async (key) => store.get(key.id ?? ''),
        ...options,
      })
      client.socket = socket
      socket.ev.on('connection.update', (update) => client.updates.push(update))
      socket.ev.on('messages.upsert', ({ messages, type }) => {
        for (const message of messages) {
          client.received.push({ type, message })
          // A receipt that comes while the message's own upsert is buffered is folded into it.
          if (message.status) client.statuses.push({ id: message.key.id ?? '', status: message.status })
          if (message.key.fromMe && message.key.id && message.message)
            store.set(message.key.id, message.message)
        }
      })
      socket.ev.on('messaging-history.set', ({ messages }) => {
        for (const { key } of messages) client.history.add(key.id ?? '')
      })
      socket.ev.on('messages.update', (updates) => {
        for (const { key, update } of updates) {
          if (update.status) client.statuses.push({ id: key.id ?? '', status: update.status })
        }
      })
      socket.ws.on('frame', (node: { tag?: string; attrs: Record<string, string> }) => {
        if (node.tag === undefined) return
        client.nodes.push({ tag: node.tag, attrs: node.attrs })
        if (node.tag === 'ack') client.acks.push(node.attrs)
      })
      return socket
    },
    async close() {
      await client.socket.end(undefined)
    },
  }
  return client
}

export const closeCode = (client: Client): number | undefined => {
  const closed = client.updates.findLast((update) => update.connection === 'close')
  const error = closed?.lastDisconnect?.error as { output?: { statusCode: number } } | undefined
  return closed === undefined ? undefined : (error?.output?.statusCode ?? 0)
}

export const opened = (client: Client): Promise<unknown> =>
  until('open', () => client.updates.some((update) => update.connection === 'open'))

export const shownQr = (client: Client): Promise<string> =>
  until('a QR', () => client.updates.findLast((update) => update.qr)?.qr)

export const qrImage = (text: string): Promise<string> => QRCode.toDataURL(text)

/** Connects with the credentials it has, and waits until it is logged in. */
export const login = async (client: Client, options?: Partial<UserFacingSocketConfig>): Promise<void> => {
  client.updates.length = 0
  client.connect(options)
  await opened(client)
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: Readonly<Record<string, unknown>> & { readonly error?: string }
}

export interface Control {
  call(method: string, path: string, body?: unknown): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
  get<T>(path: string): Promise<T>
  phone(number: string, name?: string): Promise<Answer>
  send(from: string, to: string, text: string, extra?: object): Promise<string>
  /** Has a phone send a message of any kind; resolves with its WhatsApp id. */
  write(from: string, body: object): Promise<string>
  /** What a phone shows of a message; waits until it does. */
  shown(number: string, id: string): Promise<Shown>
  messages(number: string): Promise<Shown[]>
  stats(): Promise<Record<string, number>>
}

export interface Shown {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly chat: string
  readonly text: string
  readonly type: string
  readonly timestamp: number
  readonly status: string
  readonly receipts: readonly { device: string; type: string }[]
  // Tests read bodies and changes of many shapes; each looks at the members that it knows.
  readonly body: Record<string, never> | null
  readonly problems?: readonly string[]
  readonly reactions?: readonly { from: string; emoji: string }[]
  readonly votes?: readonly { from: string; options: string[] }[]
  readonly deletedBy?: string | null
  readonly pinnedUntil?: number | null
  readonly edited?: boolean
  readonly starred?: boolean
  readonly deletedForMe?: boolean
  readonly history?: readonly Record<string, unknown>[]
}

export const controlOf = (sandbox: Sandbox): Control => {
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${sandbox.controlUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return {
      status: response.status,
      type: response.headers.get('content-type') ?? '',
      body: (await response.json()) as Answer['body'],
    }
  }
  const get = async <T>(path: string): Promise<T> => (await call('GET', path)).body as T
  const control: Control = {
    call,
    post: (path, body) => call('POST', path, body),
    get,
    phone: (number, name) => call('POST', '/phones', { number, ...(name === undefined ? {} : { name }) }),
    async send(from, to, text, extra = {}) {
      const { status, body } = await call('POST', `/phones/${from}/messages`, { to, text, ...extra })
      if (status !== 201) throw new Error(String(body.error))
      return String(body['id'])
    },
    async write(from, body) {
      const answer = await call('POST', `/phones/${from}/messages`, body)
      if (answer.status !== 201) throw new Error(String(answer.body.error))
      return String(answer.body['id'])
    },
    shown: (number, id) =>
      until(`${number} to show ${id}`, async () =>
        (await control.messages(number)).find((message) => message.id === id),
      ),
    messages: (number) => get<Shown[]>(`/phones/${number}/messages`),
    stats: () => get<Record<string, number>>('/stats'),
  }
  return control
}

/** Links a new client to a phone by its QR and logs it in. */
export const linked = async (sandbox: Sandbox, number: string): Promise<Client> => {
  const client = createClient(sandbox)
  client.connect()
  const qr = await shownQr(client)
  const { status, body } = await controlOf(sandbox).post(`/phones/${number}/scan`, { qr })
  if (status !== 200) throw new Error(String(body.error))
  await until('515', () => closeCode(client))
  await login(client)
  return client
}
