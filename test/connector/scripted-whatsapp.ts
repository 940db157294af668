/** A WhatsApp whose sockets say what a test lets them say, and whose calls a test answers: orders that no wire makes. */
import type { Account } from '../../src/domain/device.ts'
import type { OperationOutcome } from '../../src/domain/operation.ts'
import type { AttemptOutcome } from '../../src/domain/outbox.ts'
import type { RemoteFile } from '../../src/domain/media.ts'
import type { Promotion } from '../../src/store/store.ts'
import {
  type Command,
  MediaError,
  type OpenOptions,
  type Prepared,
  type WhatsApp,
  type WhatsAppSocket,
} from '../../src/whatsapp/socket.ts'
import { incoming, self } from '../store/conformance/fixtures.ts'

/** A call that waits for its answer. */
interface Call<A, T> {
  readonly asked: A
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
}

const callsOf = <A, T>() => {
  const calls: Call<A, T>[] = []
  const call = (asked: A): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    calls.push({ asked, resolve, reject })
    return promise
  }
  return { calls, call }
}

type Outgoing = Parameters<WhatsAppSocket['send']>[0]

export const account: Account = { pn: self.pn ?? '', lid: self.lid, pushName: 'Ada' }

export const createSocket = (
  options: Pick<OpenOptions, 'listener' | 'lease' | 'mayWrite'>,
  { obstinate = false } = {},
) => {
  const sends = callsOf<Outgoing, AttemptOutcome>()
  const prepares = callsOf<Parameters<WhatsAppSocket['prepare']>[0], Prepared>()
  const uploads = callsOf<Parameters<WhatsAppSocket['upload']>[0], RemoteFile>()
  const downloads = callsOf<
    { readonly remote: RemoteFile; readonly target: string; readonly bytesMax: number },
    { readonly bytes: number; readonly sha256: string }
  >()
  const asks = callsOf<Parameters<WhatsAppSocket['askForFile']>[0], string>()
  const commands = callsOf<Command, OperationOutcome>()
  const typings = callsOf<Parameters<WhatsAppSocket['typing']>[0], void>()
  const probes = callsOf<number, undefined>()
  const codes = callsOf<string, string>()
  const unlinks = callsOf<number, undefined>()
  let drops = 0
  let closed = false
  const socket: WhatsAppSocket = {
    send: (message) =>
      drops > 0 ? Promise.resolve({ kind: 'not_sent', detail: 'no socket' }) : sends.call(message),
    prepare: prepares.call,
    upload: uploads.call,
    download: (remote, target, bytesMax) => downloads.call({ remote, target, bytesMax }),
    askForFile: (owner) => asks.call(owner),
    carryOut: commands.call,
    typing: (typing) => typings.call(typing),
    probe: probes.call,
    requestPairingCode: codes.call,
    unlink: unlinks.call,
    drop() {
      drops += 1
      if (obstinate) return
      for (const call of sends.calls) call.resolve({ kind: 'unknown', detail: 'the connection was dropped' })
      for (const { calls } of [uploads, downloads, asks]) {
        for (const call of calls) call.reject(new MediaError('unreachable', 'the connection was dropped'))
      }
    },
  }
  return {
    socket,
    lease: options.lease,
    on: options.listener,
    mayWrite: options.mayWrite,
    sends: sends.calls,
    prepares: prepares.calls,
    uploads: uploads.calls,
    downloads: downloads.calls,
    asks: asks.calls,
    commands: commands.calls,
    typings: typings.calls,
    probes: probes.calls,
    codes: codes.calls,
    unlinks: unlinks.calls,
    get drops() {
      return drops
    },
    get live() {
      return drops === 0 && !closed
    },
    /** Its last word, as WhatsApp or the way to it gives one. */
    close(code: number | null, origin: 'session' | 'transport' = 'session') {
      closed = true
      options.listener.onClosed({ origin, code, message: `closed with ${code}` })
    },
  }
}

export type ScriptedSocket = ReturnType<typeof createSocket>

interface Script {
  /** Of what is answered only when the test says so. */
  openByHand?: boolean
  /** Sends go on though the socket was dropped. */
  obstinate?: boolean
}

export const scriptWhatsApp = (script: Script = {}) => {
  const sockets: ScriptedSocket[] = []
  const opens: { readonly device: string; resolve(): ScriptedSocket; reject(error: Error): void }[] = []
  const state = {
    paired: false,
    isPaired: (_deviceId: string): Promise<boolean> => Promise.resolve(state.paired),
    /** A stanza is the id of its message here. */
    promote: (stanza: string): Promotion => incoming(stanza, { whatsappId: stanza }),
    readVote: (_vote: unknown): readonly string[] | null => null,
    /** How many lived when another was opened; one is one too many. */
    overlaps: 0,
  }
  const open = ({ deviceId, lease, mayWrite, listener }: OpenOptions): Promise<WhatsAppSocket> => {
    const { promise, resolve, reject } = Promise.withResolvers<WhatsAppSocket>()
    if (sockets.some((other) => other.live && other.lease.name === lease.name)) state.overlaps += 1
    const finish = (): ScriptedSocket => {
      const made = createSocket({ lease, mayWrite, listener }, script)
      sockets.push(made)
      resolve(made.socket)
      return made
    }
    opens.push({ device: deviceId, resolve: finish, reject })
    if (script.openByHand !== true) finish()
    return promise
  }
  const whatsapp: WhatsApp = {
    open,
    isPaired: (deviceId) => state.isPaired(deviceId),
    promote: (stanza) => state.promote(stanza),
    readVote: (vote) => state.readVote(vote),
  }
  const last = (): ScriptedSocket => {
    const made = sockets.at(-1)
    if (made === undefined) throw new Error('no socket was opened')
    return made
  }
  return { whatsapp, sockets, opens, state, last }
}
