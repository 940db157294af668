import type { Message } from '../domain/message.ts'
import type { ControlContext } from './context.ts'
import { ourMessage } from './our-message.ts'

/** Gives up a message that is not sent. Throws GatewayError when it is sent, or is being sent. */
export const cancelMessage = (ctx: ControlContext, { id }: { id: string }): Promise<Message> =>
  ourMessage(ctx, id, () => ctx.store.outbox.cancel(id, ctx.origin, ctx.clock.now()))
