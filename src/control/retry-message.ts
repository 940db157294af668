import { GatewayError } from '../domain/errors.ts'
import type { Message } from '../domain/message.ts'
import type { ControlContext } from './context.ts'
import { linkedAccount } from './linked-account.ts'
import { ourMessage } from './our-message.ts'

/**
 * Has a message that was given up on tried again, under its own id: a phone that has it after all shows it once. One
 * that waits for its next attempt is tried now. Throws GatewayError when it is sent, or when no device can send it.
 */
export const retryMessage = (ctx: ControlContext, { id }: { id: string }): Promise<Message> =>
  ourMessage(ctx, id, () =>
    ctx.store.outbox.retry(
      id,
      (device, { deviceId, sender }) => {
        const account = linkedAccount(device, deviceId)
        if (sender.pn !== null && account.pn !== sender.pn) {
          throw new GatewayError(
            'device_not_linked',
            `the message was accepted for ${sender.pn}, and device ${deviceId} is linked to ${account.pn} now: send it anew`,
          )
        }
      },
      ctx.origin,
      ctx.clock.now(),
    ),
  )
