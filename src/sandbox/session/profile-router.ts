import type { Context } from '../context.ts'
import { element, type Node } from '../protocol/node.ts'
import { notification } from '../protocol/stanzas.ts'
import { type Account, devicesOf, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import { deliver } from './deliver.ts'
import { listenersOf } from './router.ts'

export type PictureChange = 'changed' | 'removed'

const pictureIdBytes = 4

const pictureNode = ({ entropy }: Context, change: PictureChange, of: string, author: string): Node =>
  change === 'removed'
    ? element('delete', { jid: of, author })
    : element('set', {
        jid: of,
        author,
        id: String(entropy.next('picture', pictureIdBytes).readUInt32BE()),
      })

const tell = (
  context: Context,
  listeners: Iterable<Account>,
  { type, from, inside }: { readonly type: string; readonly from: string; readonly inside: Node },
): void => {
  for (const device of [...listeners].flatMap(devicesOf)) {
    const attrs = { id: context.nextId(), type, from, t: context.nowSeconds() }
    deliver(context, device, notification(attrs, [inside]))
  }
}

/** Tells everyone who knows a person, and their own devices, that they have another picture or none. */
export const announcePicture = (context: Context, account: Account, change: PictureChange): void => {
  const from = jidOf(account, 0, 'lid')
  const inside = pictureNode(context, change, from, from)
  tell(context, listenersOf(context, account), { type: 'picture', from, inside })
}

/** The same of a group, for its members. */
export const announceGroupPicture = (
  context: Context,
  group: Group,
  change: PictureChange,
  by: Account,
): void => {
  const inside = pictureNode(context, change, group.jid, jidOf(by, 0, group.addressing))
  tell(context, group.members, { type: 'picture', from: group.jid, inside })
}

/** Tells them what a person says of themselves now (whatsmeow, notification.go `handleStatusNotification`). */
export const announceAbout = (context: Context, account: Account, about: string): void =>
  tell(context, listenersOf(context, account), {
    type: 'status',
    from: jidOf(account, 0, 'lid'),
    inside: element('set', {}, Buffer.from(about)),
  })

/** Tells companions of `to` that somebody is there or not. It is not kept for those that are away. */
export const sendPresence = (
  account: Account,
  to: Account,
  {
    state,
    lastSeen,
  }: { readonly state: 'available' | 'unavailable'; readonly lastSeen?: number | undefined },
): void => {
  const gone =
    state === 'unavailable'
      ? { type: 'unavailable', last: lastSeen === undefined ? 'deny' : String(lastSeen) }
      : {}
  const stanza = element('presence', { from: jidOf(account, 0, 'lid'), ...gone })
  for (const companion of to.companions.values()) companion.session?.send(stanza)
}
