import { type BinaryNode, proto, type WASocket } from '@whiskeysockets/baileys'
import { normalizeJid, parseJid } from '../domain/jid.ts'
import { momentOf } from '../domain/message.ts'
import { isFresh } from '../domain/numbers.ts'
import { ackTimeoutMs, type AttemptOutcome } from '../domain/outbox.ts'
import { DeadlineError, withDeadline } from '../runtime/deadline.ts'
import { stanzaExtrasOf } from './content/stanza-extras.ts'
import type { Groups } from './groups.ts'

/** From the first look-up to the last byte written; the account's lock may be waited for in it. */
const relayTimeoutMs = 60_000

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Errors that come before the frame is written (Baileys, socket.ts `sendRawMessage`; messages-send.ts). */
const nothingWritten = (error: unknown): boolean =>
  /^(Connection Closed|All encryptions failed|Not authenticated)/.test(messageOf(error))

/** The server's code for a question of Baileys' that it refused; questions come before the frame is written. */
export const refusedQuestion = (error: unknown): number | undefined =>
  error instanceof Error && 'data' in error && typeof error.data === 'number' ? error.data : undefined

/** The account may write to nobody new now; until when, the server says if it is asked. */
const accountRestricted = 463

/** Not a member, not allowed, not there (iq errors of WhatsApp): asking again would bring the same. */
const finalRefusals: ReadonlySet<number> = new Set([401, 403, 404, 406])

const outcomeOf = (error: unknown): AttemptOutcome => {
  const detail = messageOf(error)
  if (error instanceof DeadlineError) return { kind: 'unknown', detail }
  const code = refusedQuestion(error)
  if (code !== undefined) {
    return finalRefusals.has(code)
      ? {
          kind: 'impossible',
          code: `refused_${code}`,
          detail: `WhatsApp does not let this account write there (${code}, ${detail})`,
        }
      : { kind: 'not_sent', detail }
  }
  return nothingWritten(error) ? { kind: 'not_sent', detail } : { kind: 'unknown', detail }
}

/**
 * The server's word on a message. It may come as `<ack class="message">` or `<ack class="receipt">`; a receipt of the
 * recipient under the same id proves the same.
 */
const readAnswer = ({ tag, attrs }: BinaryNode, now: number): AttemptOutcome | undefined => {
  if (tag === 'receipt') return { kind: 'acked', at: now }
  if (tag !== 'ack') return undefined
  if (attrs['error'] !== undefined) return { kind: 'rejected', code: Number(attrs['error']) || 0 }
  return { kind: 'acked', at: momentOf(Number(attrs['t']), now) }
}

export interface SendContext {
  readonly sock: WASocket
  /** Resolves, with why, when the socket is gone: pending calls of Baileys would hang until their own time is up. */
  readonly gone: Promise<string>
  readonly now: () => number
  /** Drops the cached device list of a user. */
  readonly forgetDevices: (user: string) => Promise<void>
  /** What was found out before of whether numbers are on WhatsApp. `jid` is null for one that is not. */
  readonly numbers: {
    get(number: string): Promise<{ readonly jid: string | null; readonly checkedAt: number } | undefined>
    note(number: string, jid: string | null): Promise<void>
  }
  readonly groups: Pick<Groups, 'metadata' | 'confirm' | 'discard' | 'forget'>
}

export interface OutboundMessage {
  readonly to: string
  readonly whatsappId: string
  readonly content: Uint8Array
}

/** What an error comes to before anything was written: what is unknown of a question is known of the message. */
export const refusalOf = (error: unknown): Extract<AttemptOutcome, { kind: 'not_sent' | 'impossible' }> => {
  const outcome = outcomeOf(error)
  return outcome.kind === 'impossible' ? outcome : { kind: 'not_sent', detail: messageOf(error) }
}

/**
 * The address to send to. Who is in a group is asked here, so that Baileys need not ask while it holds up all other sends
 * of the account. A phone number that this account has never met is looked up first: writing to numbers that
 * are not on WhatsApp is what gets accounts restricted, and the server may know the number under another spelling. What it
 * says is believed for a while.
 */
const resolveRecipient = async (
  { sock, groups, numbers, now }: SendContext,
  to: string,
): Promise<{ readonly jid: string } | { readonly outcome: AttemptOutcome }> => {
  const jid = parseJid(to)
  if (jid?.kind === 'group') await groups.metadata(to)
  if (jid?.kind !== 'phone') return { jid: to }
  const own = parseJid(sock.authState.creds.me?.id ?? '')
  if (own?.user === jid.user) return { jid: to }
  const known = await sock.authState.keys.get('lid-mapping', [jid.user])
  if (known[jid.user] !== undefined) return { jid: to }
  const absent = {
    outcome: { kind: 'impossible', code: 'not_on_whatsapp', detail: `${jid.user} is not on WhatsApp` },
  } as const
  const noted = await numbers.get(jid.user)
  if (noted !== undefined && isFresh(noted, now())) return noted.jid === null ? absent : { jid: noted.jid }
  const found = await sock.onWhatsApp(to)
  if (found === undefined) {
    return {
      outcome: { kind: 'not_sent', detail: 'WhatsApp did not say in time whether the number is registered' },
    }
  }
  const [match] = found
  const address = match === undefined ? null : (normalizeJid(match.jid) ?? to)
  await numbers.note(jid.user, address)
  return address === null ? absent : { jid: address }
}

const attempt = async (context: SendContext, message: OutboundMessage): Promise<AttemptOutcome> => {
  const { sock, gone, now, forgetDevices, groups } = context
  const { promise: answer, resolve } = Promise.withResolvers<AttemptOutcome>()
  const onAnswer = (node: BinaryNode): void => {
    const outcome = readAnswer(node, now())
    if (outcome === undefined) return
    const jid = parseJid(message.to)
    const stale = node.attrs['phash'] !== undefined || (outcome.kind === 'rejected' && outcome.code === 479)
    if (jid?.kind === 'group') {
      if (stale || outcome.kind === 'rejected') groups.forget(message.to).catch(() => undefined)
    } else if (stale && jid !== undefined) forgetDevices(jid.user).catch(() => undefined)
    if (outcome.kind === 'rejected' && outcome.code === accountRestricted) {
      // Baileys has a branch for it that another one before it shadows (messages-recv.ts `handleBadAck`).
      sock.fetchAccountReachoutTimelock().catch(() => undefined)
    }
    resolve(outcome)
  }
  const closed = gone.then((why): AttemptOutcome => ({ kind: 'unknown', detail: why }))
  sock.ws.on(`TAG:${message.whatsappId}`, onAnswer)
  try {
    const recipient = await withDeadline(
      Promise.race([
        resolveRecipient(context, message.to),
        gone.then((detail) => ({ outcome: { kind: 'not_sent' as const, detail } })),
      ]),
      relayTimeoutMs,
      'the look-up of the recipient',
    ).catch((error: unknown) => ({ outcome: refusalOf(error) }))
    if ('outcome' in recipient) return recipient.outcome
    const content = proto.Message.decode(message.content)
    const relayed = sock
      .relayMessage(recipient.jid, content, {
        messageId: message.whatsappId,
        ...stanzaExtrasOf(content, recipient.jid),
      })
      .then((): undefined => undefined)
    const written = await Promise.race([
      withDeadline(relayed, relayTimeoutMs, 'the write to WhatsApp'),
      closed,
    ])
    if (written !== undefined) return written
    return await Promise.race([withDeadline(answer, ackTimeoutMs, "WhatsApp's ack"), closed])
  } catch (error) {
    return outcomeOf(error)
  } finally {
    sock.ws.off(`TAG:${message.whatsappId}`, onAnswer)
  }
}

/** Sends one message under its own id and waits for the server's ack. Never rejects. */
export const sendMessage = async (
  context: SendContext,
  message: OutboundMessage,
): Promise<AttemptOutcome> => {
  const outcome = await attempt(context, message)
  if (parseJid(message.to)?.kind !== 'group') return outcome
  // Where it cannot be written the socket has been cut, and the next one gives the key to everybody again.
  if (outcome.kind === 'acked') await context.groups.confirm(message.to).catch(() => undefined)
  else context.groups.discard(message.to)
  return outcome
}
