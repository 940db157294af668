import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { Command, eventually, freePort, type LogLine } from './processes.ts'

export interface Answer {
  readonly status: number
  // Tests read bodies of many shapes; each looks at the members that it knows.
  readonly body: Record<string, never> & { readonly [member: string]: unknown }
}

export interface StatusBody {
  readonly status: string
  readonly qrCode: string | null
  readonly lastUpdate: string
}

export interface PhoneMessage {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly chat: string
  readonly text: string
  readonly status: string
  readonly type: string
  readonly receipts: readonly { readonly device: string; readonly type: string; readonly at: number }[]
  /** As it was written; a file is told by what the phone found when it had fetched and checked it. */
  readonly body: { readonly type: string; readonly [member: string]: unknown } | null
  /** What was wrong with its stanza, or why it changed nothing. */
  readonly problems?: readonly string[]
  readonly reactions?: readonly { readonly from: string; readonly emoji: string }[]
  readonly votes?: readonly { readonly from: string; readonly options: readonly string[] }[]
  readonly edited?: boolean
  readonly deletedBy?: string | null
  /** ms since 1970. */
  readonly pinnedUntil?: number | null
  readonly starred?: boolean
  readonly deletedForMe?: boolean
  readonly history?: readonly Record<string, unknown>[]
}

export interface HistoryRow {
  readonly at: string
  readonly status: string
  readonly previous: string | null
  readonly reason: string | null
  readonly detail: string | null
}

export interface MessageBody {
  readonly id: string
  readonly whatsappId: string
  readonly direction: string
  readonly type: string
  readonly text: string | null
  readonly status: string
  readonly attempts: number
  readonly chat: string
  readonly sender: {
    readonly phone: string | null
    readonly lid: string | null
    readonly name: string | null
  }
  readonly error: { readonly code: string; readonly detail: string } | null
}

const request = async (
  url: string,
  method: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] }
}

/** A simulated WhatsApp, a data folder and the gateways that a test starts on it, all as real processes. */
export class World {
  readonly sandboxUrl: string
  readonly dataDir: string
  private readonly sandbox: Command
  private readonly settings: Readonly<Record<string, string>>
  private readonly gateways: Command[] = []
  apiUrl = ''

  private constructor(
    sandbox: Command,
    sandboxUrl: string,
    dataDir: string,
    settings: Record<string, string>,
  ) {
    this.sandbox = sandbox
    this.sandboxUrl = sandboxUrl
    this.dataDir = dataDir
    this.settings = settings
  }

  /**
   * Starts the sandbox alone. `settings` go to every gateway that is started on it; `folder` is for its data, and is
   * removed with the world.
   */
  static async open(settings: Record<string, string> = {}, folder?: string): Promise<World> {
    const dataDir = folder ?? (await mkdtemp(path.join(tmpdir(), 'wag-flow-')))
    const port = await freePort()
    const sandbox = new Command(['sandbox'], { SANDBOX_PORT: String(port) })
    const url = `http://127.0.0.1:${port}`
    const config = await eventually(
      'the sandbox answers',
      async () => (await request(`${url}/config`, 'GET')).body,
      30_000,
    )
    return new World(sandbox, url, dataDir, { ...(config as Record<string, string>), ...settings })
  }

  /** A world with a gateway that is ready. */
  static async withGateway(settings: Record<string, string> = {}): Promise<World> {
    const world = await World.open(settings)
    await world.startGateway()
    return world
  }

  get sandboxPid(): number {
    return this.sandbox.child.pid ?? 0
  }

  get environment(): Record<string, string> {
    return { ...this.settings, DATA_DIR: this.dataDir }
  }

  /** What all gateways have logged. */
  get logLines(): LogLine[] {
    return this.gateways.flatMap((gateway) => gateway.lines)
  }

  /** The one that was started last. */
  get gateway(): Command {
    const gateway = this.gateways.at(-1)
    if (gateway === undefined) throw new Error('no gateway was started')
    return gateway
  }

  run(
    args: readonly string[],
    env: Record<string, string> = {},
    options: { readonly entry?: string } = {},
  ): Command {
    const command = new Command(args, { ...this.environment, ...env }, options)
    this.gateways.push(command)
    return command
  }

  async startGateway(
    args: readonly string[] = ['serve'],
    env: Record<string, string> = {},
    options: { readonly entry?: string } = {},
  ): Promise<Command> {
    const port = await freePort()
    const command = this.run(args, { PORT: String(port), ...env }, options)
    this.apiUrl = `http://127.0.0.1:${port}`
    await eventually(
      'the API answers',
      async () => {
        if (command.child.exitCode !== null) throw new Error(command.output)
        return (await request(`${this.apiUrl}/healthz`, 'GET')).status === 200
      },
      30_000,
    )
    return command
  }

  api(method: string, route: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return request(`${this.apiUrl}${route}`, method, body, headers)
  }

  phone(method: string, route: string, body?: unknown): Promise<Answer> {
    return request(`${this.sandboxUrl}${route}`, method, body)
  }

  async status(device: string): Promise<StatusBody> {
    return (await this.api('GET', `/api/devices/${device}/status`)).body as unknown as StatusBody
  }

  untilStatus(device: string, wanted: string, limitMs = 20_000): Promise<StatusBody> {
    return eventually(
      `${device} is ${wanted}`,
      async () => {
        const status = await this.status(device)
        if (status.status !== wanted)
          throw new Error(JSON.stringify({ ...status, qrCode: status.qrCode?.length }))
        return status
      },
      limitMs,
    )
  }

  async history(device: string): Promise<HistoryRow[]> {
    const { body } = await this.api('GET', `/api/devices/${device}/history?limit=200`)
    return (body['history'] as unknown as HistoryRow[]).toReversed()
  }

  async messages(device: string, query = ''): Promise<MessageBody[]> {
    const { body } = await this.api(
      'GET',
      `/api/devices/${device}/messages?${query.includes('limit=') ? '' : 'limit=200'}${query}`,
    )
    return body['messages'] as unknown as MessageBody[]
  }

  async createPhone(number: string, name = number): Promise<void> {
    await this.phone('POST', '/phones', { number, name })
  }

  /** Makes a group of phones; resolves with its JID. */
  async createGroup(owner: string, members: readonly string[]): Promise<string> {
    const { status, body } = await this.phone('POST', '/groups', { subject: 'Group', owner, members })
    if (status !== 201) throw new Error(JSON.stringify(body))
    return String(body['jid'])
  }

  async scan(number: string, device: string): Promise<Answer> {
    return this.phone('POST', `/phones/${number}/scan`, await this.status(device))
  }

  async phoneMessages(number: string): Promise<PhoneMessage[]> {
    return (await this.phone('GET', `/phones/${number}/messages`)).body as unknown as PhoneMessage[]
  }

  /** Has a phone send a message of any kind (`to`, `type`…: src/sandbox/phone/body.ts); resolves with its WhatsApp id. */
  async phoneSend(number: string, body: { readonly to: string } & Record<string, unknown>): Promise<string> {
    const answer = await this.phone('POST', `/phones/${number}/messages`, body)
    if (answer.status !== 201) throw new Error(JSON.stringify(answer))
    return String(answer.body['id'])
  }

  /** What a phone shows of a message, by its WhatsApp id; waits until it does. */
  phoneShows(number: string, whatsappId: string, limitMs?: number): Promise<PhoneMessage> {
    return eventually(
      `${number} shows ${whatsappId}`,
      async () => (await this.phoneMessages(number)).find(({ id }) => id === whatsappId),
      limitMs,
    )
  }

  async stats(): Promise<Record<string, number> & { loginsByCompanion: Record<string, number> }> {
    return (await this.phone('GET', '/stats')).body as never
  }

  /** Starts a device, scans its QR with the phone, and waits until it is connected. */
  async link(device: string, number: string): Promise<void> {
    await this.createPhone(number)
    await this.api('POST', `/api/devices/${device}/start`)
    await this.untilStatus(device, 'waiting_for_scan')
    const answer = await this.scan(number, device)
    if (answer.status !== 200) throw new Error(JSON.stringify(answer))
    await this.untilStatus(device, 'connected')
  }

  async fault(kind: string, more: Record<string, unknown> = {}): Promise<void> {
    const answer = await this.phone('POST', '/faults', { kind, ...more })
    if (answer.status >= 300) throw new Error(JSON.stringify(answer))
  }

  async clearFaults(): Promise<void> {
    await this.phone('DELETE', '/faults')
  }

  /** Reads the database as a person with `sqlite3` would. */
  query<T>(sql: string, ...parameters: unknown[]): T[] {
    const database = new BetterSqlite(path.join(this.dataDir, 'gateway.db'), { readonly: true })
    try {
      return database.prepare(sql).all(...parameters) as T[]
    } finally {
      database.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.gateways.map((gateway) => gateway.stop()))
    await this.sandbox.stop()
    await rm(this.dataDir, { recursive: true, force: true })
  }
}
