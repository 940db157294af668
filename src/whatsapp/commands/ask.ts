import type { BinaryNode, WASocket } from '@whiskeysockets/baileys'
import { operationTimeoutMs, type OperationOutcome } from '../../domain/operation.ts'
import { withDeadline } from '../../runtime/deadline.ts'
import type { Groups } from '../groups.ts'
import type { Me } from '../inbound.ts'
import type { Online } from '../online.ts'
import { messageOf, refusedQuestion } from '../send.ts'

export interface CommandContext {
  readonly sock: WASocket
  readonly me: Me
  /** Resolves, with why, when the socket is gone: pending calls of Baileys would hang until their own time is up. */
  readonly gone: Promise<string>
  readonly now: () => number
  readonly groups: Pick<Groups, 'metadata'>
  readonly online: Online
  /** Keeps what WhatsApp says of a number; null for one that is not there. */
  readonly noteNumber: (number: string, jid: string | null) => Promise<void>
}

/** WhatsApp's codes that tell that nothing was done and that it may be asked again: too fast, overloaded. */
const passingCodes: ReadonlySet<number> = new Set([429, 503])
const serversOwnTrouble = 500

/** WhatsApp has refused what was asked, with its code. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Nothing was asked, for a reason that may pass. */
export class NotDoneError extends Error {
  override readonly name = 'NotDoneError'
}

export const until = async <T>({ gone }: CommandContext, work: Promise<T>, what: string): Promise<T> =>
  withDeadline(
    Promise.race([
      work,
      gone.then((why): never => {
        throw new Error(why)
      }),
    ]),
    operationTimeoutMs,
    what,
  )

export const checkOpen = ({ sock }: CommandContext): void => {
  if (!sock.ws.isOpen) throw new NotDoneError('the connection is closed')
}

/** Asks the server and waits for its answer. Rejects with RefusedError, or with anything when there is none. */
export const ask = async (context: CommandContext, node: BinaryNode): Promise<BinaryNode> => {
  checkOpen(context)
  const query: Promise<unknown> = context.sock.query(node, operationTimeoutMs)
  const answer = await until(context, query, "WhatsApp's answer").catch((error: unknown) => {
    const code = refusedQuestion(error)
    throw code === undefined ? error : new RefusedError(code, messageOf(error))
  })
  if (answer === undefined) throw new Error('WhatsApp has not answered')
  return answer as BinaryNode
}

/** An answer to something that is asked last proves that the server has read all that was written before. */
export const untilRead = async (context: CommandContext): Promise<void> => {
  await ask(context, {
    tag: 'iq',
    attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' },
    content: [{ tag: 'ping', attrs: {} }],
  })
}

/** What an error of the above comes to. */
export const outcomeOfError = (error: unknown): OperationOutcome => {
  const detail = messageOf(error)
  if (error instanceof NotDoneError) return { kind: 'not_done', detail }
  if (!(error instanceof RefusedError)) return { kind: 'unknown', detail }
  const { code } = error
  if (passingCodes.has(code))
    return { kind: 'not_done', detail: `WhatsApp refuses it now (${code}, ${detail})` }
  if (code >= serversOwnTrouble) return { kind: 'unknown', detail: `WhatsApp failed (${code}, ${detail})` }
  return { kind: 'refused', code: `refused_${code}`, detail: `WhatsApp refused it (${code}, ${detail})` }
}
