import type { GivenBody } from '../domain/body.ts'
import { fillBody, isCaptionTooLong, type Variables } from '../domain/bulk.ts'
import { GatewayError } from '../domain/errors.ts'
import { formatJid, type Jid } from '../domain/jid.ts'
import type { MessageFailure } from '../domain/message.ts'
import { sleep } from '../runtime/deadline.ts'
import type { NewRecipient } from '../store/store.ts'
import { checkText } from './check-text.ts'
import type { ControlContext } from './context.ts'
import { partyOf, recipientOf } from './submit.ts'

/** A recipient as a request names it. */
export interface GivenRecipient {
  readonly to: string
  readonly variables?: Variables
}

/** Recipients that are looked at before others have the event loop. */
const turnRecipients = 500

const refuse = (code: 'invalid_message', detail: string): never => {
  throw new GatewayError(code, detail)
}

/** Refuses a body that cannot be said to this recipient. */
const checkFilled = (body: GivenBody, variables: Variables): void => {
  const filled = fillBody(body, variables)
  const [first] = filled.missing
  if (first !== undefined) {
    refuse(
      'invalid_message',
      `variables lack ${filled.missing.map((name) => JSON.stringify(name)).join(', ')}`,
    )
  }
  if (filled.body.type === 'text') checkText('text', filled.body.text)
  if (isCaptionTooLong(filled.body)) refuse('invalid_message', 'the caption becomes too long')
}

const failureOf = (error: unknown): MessageFailure => {
  if (error instanceof GatewayError) return { code: error.code, detail: error.message }
  throw error
}

/** What makes two addresses one person: the number where it is known. */
const identityOf = async ({ store }: ControlContext, deviceId: string, jid: Jid): Promise<string> =>
  jid.kind === 'lid'
    ? ((await store.addresses.complete(deviceId, partyOf(jid))).pn ?? formatJid(jid))
    : formatJid(jid)

/** Looks at each recipient, and marks those that are nobody, or lack something, or were named before. */
export const checkRecipients = async (
  ctx: ControlContext,
  deviceId: string,
  body: GivenBody,
  given: readonly GivenRecipient[],
): Promise<readonly NewRecipient[]> => {
  const seen = new Set<string>()
  const recipients: NewRecipient[] = []
  for (const [index, { to, variables }] of given.entries()) {
    if (index > 0 && index % turnRecipients === 0) await sleep(0)
    const row = { recipient: to, variables: variables ?? null, messageId: ctx.newWhatsappId() }
    try {
      const jid = recipientOf(to)
      checkFilled(body, variables ?? {})
      const identity = await identityOf(ctx, deviceId, jid)
      const isNew = !seen.has(identity)
      seen.add(identity)
      recipients.push({
        ...row,
        chat: formatJid(jid),
        state: isNew ? 'waiting' : 'duplicate',
        error: isNew ? null : { code: 'duplicate', detail: `${identity} is named before` },
      })
    } catch (error) {
      recipients.push({ ...row, chat: null, state: 'invalid', error: failureOf(error) })
    }
  }
  return recipients
}
