import type { Context } from '../context.ts'
import type { Node } from '../protocol/node.ts'
import type { Device } from '../state/account.ts'

/** Hands a stanza to a device: at once to a phone, by its mailbox to a companion. */
export const deliver = (context: Context, to: Device, stanza: Node): void => {
  if (to.device === 0) {
    if (stanza.tag === 'message') context.counters.messagesToPhones++
    context.phone(to.account).deliver(stanza)
    return
  }
  const companion = context.directory.companion(to)
  if (companion === undefined) return
  companion.mailbox.put(stanza)
  if (stanza.tag !== 'message') return
  context.counters.messagesToCompanions++
  if (context.faults.consume('duplicate', companion) !== undefined) {
    context.counters.messagesToCompanions++
    companion.mailbox.put(stanza)
  }
}
