import { forwardOf } from '../domain/forward.ts'
import { formatJid } from '../domain/jid.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'
import { checkIdempotencyKey, requestHash } from './idempotency.ts'
import { sendBody } from './send-body.ts'
import { recipientOf, settled, type SendOutcome, type Submission } from './submit.ts'

export interface ForwardInput extends Pick<Submission, 'idempotencyKey' | 'respondAsync'> {
  readonly id: string
  /** JIDs, or phone numbers as people write them. */
  readonly to: readonly string[]
}

/** Each message has a key of its own; that of the first is the caller's. */
const keyOf = (key: string, index: number): string =>
  index === 0 ? checkIdempotencyKey(key) : requestHash(['forward', key, String(index)])

/**
 * Sends what a message says to other chats of its device, marked as forwarded. All are accepted before any is waited for;
 * who repeats the request with its idempotency key gets the same messages.
 */
export const forwardMessage = async (
  ctx: ControlContext,
  { id, to, idempotencyKey, respondAsync }: ForwardInput,
): Promise<readonly SendOutcome[]> => {
  const message = await getMessage(ctx, { id })
  const chats = [...new Set(to.map((one) => formatJid(recipientOf(one))))]
  const body = forwardOf(message, chats.length)
  const accepted: SendOutcome[] = []
  for (const [index, chat] of chats.entries()) {
    accepted.push(
      await sendBody(ctx, {
        deviceId: message.deviceId,
        to: chat,
        body,
        respondAsync: true,
        together: ['forward', id, ...chats],
        ...(idempotencyKey === undefined ? {} : { idempotencyKey: keyOf(idempotencyKey, index) }),
      }),
    )
  }
  return respondAsync
    ? accepted
    : await Promise.all(accepted.map((outcome) => settled(ctx, outcome.message, outcome.to)))
}
