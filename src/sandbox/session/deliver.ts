import type { Context } from '../context.ts'
import { bytesOf, children, element, type Node } from '../protocol/node.ts'
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
  if (stanza.tag !== 'message') {
    companion.mailbox.put(stanza)
    return
  }
  const isPeer = stanza.attrs['category'] === 'peer'
  const garble = isPeer ? undefined : context.faults.consume('garble', companion)
  if (garble?.isLost === true) context.lost.add(stanza.attrs['id'] ?? '')
  const isHidden = !isPeer && context.faults.consume('unavailable', companion) !== undefined
  companion.mailbox.put(isHidden ? withoutContent(stanza) : garble === undefined ? stanza : garbled(stanza))
  context.counters.messagesToCompanions++
  if (context.faults.consume('duplicate', companion) !== undefined) {
    context.counters.messagesToCompanions++
    companion.mailbox.put(stanza)
  }
}

/** WhatsApp gives companions no content of what opens once on the phone (Baileys, decode-wa-message.ts). */
const withoutContent = (stanza: Node): Node => ({
  ...stanza,
  content: [
    element('unavailable', { type: 'view_once' }),
    ...children(stanza).filter(({ tag }) => tag !== 'enc'),
  ],
})

/** Behind a first message's MAC come the ids of the keys that it is made with, some 7 bytes. */
const garbledFromEnd = 12

/** The same with a bit flipped in each of its ciphertexts. */
const garbled = (stanza: Node): Node => ({
  ...stanza,
  content: children(stanza).map((part) => {
    const bytes = part.tag === 'enc' ? bytesOf(part) : undefined
    if (bytes === undefined) return part
    const at = bytes.length - garbledFromEnd
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return { ...part, content: bytes }
  }),
})
