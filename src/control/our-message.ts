import { GatewayError } from '../domain/errors.ts'
import type { Message } from '../domain/message.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'

/** What `act` makes of a message of the outbox. Throws `message_not_found` or `message_not_ours` when it is in none. */
export const ourMessage = async (
  ctx: ControlContext,
  id: string,
  act: () => Promise<Message | undefined>,
): Promise<Message> => {
  const message = await act()
  if (message !== undefined) return message
  await getMessage(ctx, { id })
  throw new GatewayError(
    'message_not_ours',
    'the message was received, or written on the phone: only what was sent through this gateway can be tried again or cancelled',
  )
}
