import { GatewayError } from '../domain/errors.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'

export interface RawMessage {
  readonly id: string
  readonly whatsappId: string
  /** A WAProto `Message` as JSON. */
  readonly content: unknown
  readonly bytes: Uint8Array
}

/** What went over the wire of a message, before encryption: to find out why it is shown as it is. */
export const rawMessage = async (ctx: ControlContext, { id }: { id: string }): Promise<RawMessage> => {
  const { whatsappId } = await getMessage(ctx, { id })
  const bytes = await ctx.store.messages.contentOf(id)
  if (bytes === undefined) {
    throw new GatewayError(
      'content_not_kept',
      'of this message no content is kept: it could not be decrypted, was deleted, or is not made yet',
    )
  }
  return { id, whatsappId, content: await ctx.decodeContent(bytes), bytes }
}
