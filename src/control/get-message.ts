import { GatewayError } from '../domain/errors.ts'
import type { Message } from '../domain/message.ts'
import type { ControlContext } from './context.ts'

export const getMessage = async (ctx: ControlContext, input: { id: string }): Promise<Message> => {
  const message = await ctx.store.messages.get(input.id)
  if (message === undefined) throw new GatewayError('message_not_found', 'there is no message of this id')
  return message
}
