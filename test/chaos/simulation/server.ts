/**
 * WhatsApp as far as the gateway can tell: links and their sessions, one session a link; messages known by their id;
 * phones that show an id once; receipts and messages that are pushed again until they are answered. It forgets nothing,
 * so that in the end one can ask what it really got.
 */
import type { Account } from '../../../src/domain/device.ts'
import type { ReceiptStatus } from '../../../src/domain/message.ts'
import type { Frame } from './frame.ts'

/** What the server pushes until the client answers. */
export type Push =
  | {
      readonly kind: 'message'
      readonly id: string
      readonly from: string
      readonly text: string
      readonly parts: number
      /** So many times it comes as something that nobody can read. */
      unreadable: number
    }
  | { readonly kind: 'receipt'; readonly id: string; readonly status: ReceiptStatus; readonly from: string }

export type FromServer =
  | { readonly kind: 'qr'; readonly text: string; readonly ttlMs: number }
  | { readonly kind: 'qr_refs_over' }
  | { readonly kind: 'pair_success'; readonly account: Account }
  | { readonly kind: 'success'; readonly account: Account }
  | { readonly kind: 'ack'; readonly id: string; readonly at: number }
  | { readonly kind: 'nack'; readonly id: string; readonly code: number }
  | { readonly kind: 'pong'; readonly id: number }
  | { readonly kind: 'unlinked' }
  | { readonly kind: 'push'; readonly seq: number; readonly push: Push }
  | { readonly kind: 'close'; readonly code: number | null; readonly origin: 'session' | 'transport' }

export type FromClient =
  /** Creds that were never linked log in as nobody, and get a QR. */
  | { readonly kind: 'login'; readonly linked: boolean }
  | { readonly kind: 'pair_done' }
  | { readonly kind: 'message'; readonly id: string; readonly to: string; readonly step: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'unlink' }
  | { readonly kind: 'answer'; readonly seq: number }
  | { readonly kind: 'retry'; readonly seq: number }

export interface Link {
  readonly id: string
  readonly deviceId: string
  account: Account | undefined
  active: boolean
  session: Session | undefined
  /** Pushes without an answer, by number. */
  readonly queue: Map<number, Push>
  /** Ratchet steps that came with messages, and the message of each. */
  readonly steps: Map<number, string>
}

export interface Session {
  readonly link: Link
  readonly who: string
  readonly epoch: number
  state: 'handshake' | 'pairing' | 'paired' | 'open' | 'closed'
  /** Nothing gets through either way, and nobody is told. */
  deaf: boolean
  /** What the client writes is swallowed, and the server's words go on coming. */
  oneWay: boolean
  /** When the last frame of each direction arrives: a connection keeps the order. */
  lastTo: number
  lastFrom: number
  readonly toClient: (frame: FromServer) => void
}

/** What became of a message at the server. */
export interface Fate {
  readonly id: string
  readonly link: Link
  readonly to: string
  acceptedAt: number | undefined
  /** Codes of the refusals. */
  readonly refusals: number[]
}

export interface Server {
  readonly links: ReadonlyMap<string, Link>
  readonly fates: ReadonlyMap<string, Fate>
  /** Ids in the order in which the phones of a chat showed them first, by `account chat`. */
  readonly shown: ReadonlyMap<string, readonly string[]>
  /** Inbound messages, and the link that they were sent to. */
  readonly sentIn: readonly {
    readonly id: string
    readonly link: Link
    readonly from: string
    readonly text: string
  }[]
  /** Those that are not closed. */
  readonly sessions: ReadonlySet<Session>
  reachable: boolean
  newLink(deviceId: string): Link
  connect(session: Session): void
  receive(session: Session, frame: FromClient): void
  /** The phone of this account scans the QR that the device shows. */
  scan(text: string, account: Account): boolean
  unlinkByPhone(link: Link, code: number): void
  sendIn(link: Link, text: string): void
  cut(session: Session): void
  /** The client's end of the connection is gone: what it wrote before may be lost with it. */
  hangUp(session: Session): void
}

/** Apart enough to keep an order. */
const nextMs = 0.001
const wireMinMs = 2
const wireMaxMs = 80
const qrTtlMs = 20_000
const qrRefsMax = 5
const chatLagMaxMs = 400
const contacts = [
  '4915200000001@s.whatsapp.net',
  '4915200000002@s.whatsapp.net',
  '4915200000003@s.whatsapp.net',
]

export const contactsOf = (): readonly string[] => contacts

export const newSession = (
  link: Link,
  { who, epoch, toClient }: Pick<Session, 'who' | 'epoch' | 'toClient'>,
): Session => ({
  link,
  who,
  epoch,
  state: 'handshake',
  deaf: false,
  oneWay: false,
  lastTo: 0,
  lastFrom: 0,
  toClient,
})

export const createServer = (frame: Frame, epochOf: (deviceId: string) => number): Server => {
  const { loop, outside } = frame
  const sessions = new Set<Session>()
  const luck = frame.random.fork('server')
  const links = new Map<string, Link>()
  const fates = new Map<string, Fate>()
  const shown = new Map<string, string[]>()
  const sentIn: { id: string; link: Link; from: string; text: string }[] = []
  const qrs = new Map<string, Session>()
  let pushSeq = 0
  let inboundCount = 0

  const after = (ms: number, work: () => void): void => loop.after(outside, ms, work)
  const wireMs = (): number => wireMinMs + luck.next() * wireMaxMs

  /** In order, unless the connection is gone by then. */
  const tell = (session: Session, word: FromServer): void => {
    if (session.state === 'closed' || session.deaf) return
    session.lastTo = Math.max(session.lastTo + nextMs, loop.now + wireMs())
    after(session.lastTo - loop.now, () => {
      if (!session.deaf) session.toClient(word)
    })
    if (word.kind === 'close') end(session)
  }
  const end = (session: Session): void => {
    session.state = 'closed'
    sessions.delete(session)
    if (session.link.session === session) session.link.session = undefined
  }
  const close = (session: Session, code: number): void =>
    tell(session, { kind: 'close', code, origin: 'session' })

  const push = (link: Link, seq: number): void => {
    const item = link.queue.get(seq)
    const { session } = link
    if (item !== undefined && session?.state === 'open') tell(session, { kind: 'push', seq, push: item })
  }
  const queue = (link: Link, item: Push): void => {
    if (!link.active) return
    const seq = ++pushSeq
    link.queue.set(seq, item)
    push(link, seq)
    if (frame.mishap(luck, 0.1)) after(luck.next() * 3_000, () => push(link, seq))
  }

  const showQrs = (session: Session, left: number): void => {
    if (session.state !== 'pairing') return
    if (left === 0) return tell(session, { kind: 'qr_refs_over' })
    const text = `${session.link.id}/${left}`
    qrs.set(text, session)
    tell(session, { kind: 'qr', text, ttlMs: qrTtlMs })
    after(qrTtlMs, () => {
      qrs.delete(text)
      showQrs(session, left - 1)
    })
  }

  const login = (session: Session, linked: boolean): void => {
    const { link } = session
    if (!linked) {
      session.state = 'pairing'
      return showQrs(session, qrRefsMax)
    }
    if (!link.active || link.account === undefined) return close(session, 401)
    if (frame.mishap(luck, 0.04)) return close(session, luck.pick([503, 428, 408]))
    const other = link.session
    if (other !== undefined) {
      frame.count('sessions replaced')
      close(other, 440)
    }
    link.session = session
    session.state = 'open'
    tell(session, { kind: 'success', account: link.account })
    for (const seq of link.queue.keys()) push(link, seq)
  }

  // ---- messages out

  const receipts = (link: Link, id: string, from: string): void => {
    const give = (status: ReceiptStatus, ms: number): void =>
      after(ms, () => {
        queue(link, { kind: 'receipt', id, status, from })
        if (frame.mishap(luck, 0.15)) queue(link, { kind: 'receipt', id, status, from })
      })
    give('delivered', luck.next() * 2_000)
    if (luck.next() < 0.5) give('read', luck.next() * 3_000)
    if (luck.next() < 0.1) give('played', luck.next() * 3_000)
  }
  const show = (link: Link, id: string, to: string): void => {
    const line = `${link.account?.pn} ${to}`
    const before = shown.get(line) ?? []
    if (before.includes(id)) return
    shown.set(line, [...before, id])
    receipts(link, id, to)
  }
  /** Phones get what the server took in its order. */
  const lastShow = new Map<string, number>()
  const accept = (fate: Fate): void => {
    if (fate.acceptedAt !== undefined) frame.count('ids that came to the server again')
    fate.acceptedAt ??= frame.wall()
    const at = Math.max((lastShow.get(fate.to) ?? 0) + nextMs, loop.now + luck.next() * chatLagMaxMs)
    lastShow.set(fate.to, at)
    after(at - loop.now, () => show(fate.link, fate.id, fate.to))
  }
  const message = (session: Session, { id, to, step }: Extract<FromClient, { kind: 'message' }>): void => {
    const { link } = session
    const used = link.steps.get(step)
    if (used !== undefined) frame.violate(`ratchet step ${step} of ${link.id} was used for ${used} and ${id}`)
    link.steps.set(step, id)
    const fate = fates.get(id) ?? { id, link, to, acceptedAt: undefined, refusals: [] }
    fates.set(id, fate)
    if (fate.link.account?.pn !== link.account?.pn) frame.violate(`${id} was sent by two accounts`)
    const ack = (): void => tell(session, { kind: 'ack', id, at: frame.wall() })
    if (fate.acceptedAt !== undefined) {
      accept(fate)
      return ack()
    }
    const refuse = (code: number): void => {
      fate.refusals.push(code)
      tell(session, { kind: 'nack', id, code })
    }
    if (frame.mishap(luck, 0.03)) return refuse(463)
    if (frame.mishap(luck, 0.06)) return refuse(luck.pick([429, 479, 500, 503]))
    if (frame.mishap(luck, 0.03)) return frame.count('messages that the server dropped')
    accept(fate)
    if (frame.mishap(luck, 0.05)) return frame.count('acks lost')
    if (frame.mishap(luck, 0.04)) return close(session, luck.pick([428, 503]))
    ack()
  }

  const take = (session: Session, word: FromClient): void => {
    const { link } = session
    if (session.state === 'closed' || session.deaf || session.oneWay) return
    frame.note('server', `${session.who} ${link.id}: ${Object.values(word).join(' ')}`)
    switch (word.kind) {
      case 'login':
        return login(session, word.linked)
      case 'pair_done':
        if (session.state !== 'paired') return
        link.active = true
        return close(session, 515)
      case 'ping':
        return tell(session, { kind: 'pong', id: word.id })
      default:
    }
    if (session.state !== 'open') return
    switch (word.kind) {
      case 'message':
        return message(session, word)
      case 'unlink':
        link.active = false
        return tell(session, { kind: 'unlinked' })
      case 'answer':
        link.queue.delete(word.seq)
        return
      case 'retry': {
        const item = link.queue.get(word.seq)
        if (item?.kind === 'message') item.unreadable = 0
        return after(luck.next() * 1_000, () => push(link, word.seq))
      }
      default:
    }
  }

  return {
    sessions,
    links,
    fates,
    shown,
    sentIn,
    reachable: true,
    newLink(deviceId) {
      const id = `link-${links.size + 1}`
      const link: Link = {
        id,
        deviceId,
        account: undefined,
        active: false,
        session: undefined,
        queue: new Map(),
        steps: new Map(),
      }
      links.set(id, link)
      return link
    },
    connect(session) {
      sessions.add(session)
    },
    receive(session, word) {
      const newest = epochOf(session.link.deviceId)
      if (session.epoch < newest) {
        frame.violate(`${session.who} wrote ${word.kind} in epoch ${session.epoch}, the newest is ${newest}`)
      }
      session.lastFrom = Math.max(session.lastFrom + nextMs, loop.now + wireMs())
      after(session.lastFrom - loop.now, () => take(session, word))
    },
    scan(text, account) {
      const session = qrs.get(text)
      if (session?.state !== 'pairing') return false
      session.state = 'paired'
      session.link.account = account
      tell(session, { kind: 'pair_success', account })
      return true
    },
    unlinkByPhone(link, code) {
      link.active = false
      if (link.session !== undefined) close(link.session, code)
    },
    sendIn(link, text) {
      const from = luck.pick(contacts)
      const id = `IN${++inboundCount}`
      sentIn.push({ id, link, from, text })
      const unreadable = frame.mishap(luck, 0.05) ? 1 : 0
      queue(link, { kind: 'message', id, from, text, parts: luck.between(1, 2), unreadable })
    },
    hangUp(session) {
      const at = luck.next() < 0.5 ? Math.max(session.lastFrom, loop.now) + nextMs : loop.now + nextMs
      after(at - loop.now, () => end(session))
    },
    cut(session) {
      tell(session, { kind: 'close', code: null, origin: 'transport' })
    },
  }
}
