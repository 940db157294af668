/** Accounts that WhatsApp lets write to nobody new for a while (Baileys, messages-recv.ts `handleReachoutTimelockNotification`). */
import type { Context } from '../context.ts'
import { pnServer } from '../protocol/jid.ts'
import { attr, element, type Node } from '../protocol/node.ts'
import { notification } from '../protocol/stanzas.ts'
import type { Account } from '../state/account.ts'

/** The code of the ack that such a message gets (Baileys, decode-wa-message.ts `SenderReachoutTimelocked`). */
export const accountRestricted = 463

const isRestricted = (context: Context, { restrictedUntilSeconds }: Account): boolean =>
  context.nowSeconds() < restrictedUntilSeconds

/** What a GraphQL answer says of it. */
export const timelockOf = (context: Context, account: Account): object =>
  isRestricted(context, account)
    ? {
        is_active: true,
        time_enforcement_ends: String(account.restrictedUntilSeconds),
        enforcement_type: 'DEFAULT',
      }
    : { is_active: false, time_enforcement_ends: '0' }

/** Whether a message goes to somebody whom the account may not write to now: one that it never exchanged a message with. */
export const isHeldBack = (context: Context, account: Account, message: Node): boolean => {
  if (!isRestricted(context, account)) return false
  const to = context.directory.find(attr(message, 'to'))
  return to !== undefined && to !== account && !account.peers.has(to.number)
}

/** Restricts an account for so many seconds, or frees it, and tells its companions. @returns how many */
export const restrict = (context: Context, account: Account, seconds: number): number => {
  account.restrictedUntilSeconds = seconds === 0 ? 0 : context.nowSeconds() + seconds
  const data = { xwa2_notify_account_reachout_timelock: timelockOf(context, account) }
  for (const companion of account.companions.values()) {
    companion.mailbox.put(
      notification({ id: context.nextId(), type: 'mex', from: pnServer, t: context.nowSeconds() }, [
        element(
          'update',
          { op_name: 'NotificationUserReachoutTimelockUpdate' },
          Buffer.from(JSON.stringify({ data })),
        ),
      ]),
    )
  }
  return account.companions.size
}
