import { type Account, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import { attr, children, element, type Node } from './node.ts'
import { notification } from './stanzas.ts'

/** A member as the group's metadata names it: by the group's addressing, with the other name beside it. */
const participant = (group: Group, account: Account, role?: string): Node =>
  element('participant', {
    jid: jidOf(account, 0, group.addressing),
    ...(group.addressing === 'lid' ? { phone_number: jidOf(account) } : { lid: jidOf(account, 0, 'lid') }),
    type: role,
  })

const roleIn = ({ owner, admins }: Group, member: Account): string | undefined => {
  if (member === owner) return 'superadmin'
  return admins.has(member) ? 'admin' : undefined
}

const descriptionNode = ({ jid, description }: Group): Node =>
  description === undefined
    ? element('description', { id: jid.split('@')[0], delete: 'true' })
    : element('description', { id: jid.split('@')[0] }, [element('body', {}, Buffer.from(description))])

const ephemeralNode = ({ ephemeralSeconds }: Group): Node =>
  ephemeralSeconds === 0
    ? element('not_ephemeral')
    : element('ephemeral', { expiration: String(ephemeralSeconds) })

/** A group as `<iq xmlns="w:g2">` answers with it. */
export const groupNode = (group: Group): Node => {
  const { jid, subject, addressing, owner, createdAtSeconds, members } = group
  const ownerJid = jidOf(owner, 0, addressing)
  return element(
    'group',
    {
      id: jid.split('@')[0],
      subject,
      s_t: String(createdAtSeconds),
      s_o: ownerJid,
      creation: String(createdAtSeconds),
      creator: ownerJid,
      creator_pn: addressing === 'lid' ? jidOf(owner) : undefined,
      addressing_mode: addressing,
      size: String(members.size),
    },
    [
      ...[...members].map((member) => participant(group, member, roleIn(group, member))),
      ...(group.description === undefined ? [] : [descriptionNode(group)]),
      ...(group.announce ? [element('announcement')] : []),
      ...(group.locked ? [element('locked')] : []),
      ...(group.ephemeralSeconds === 0 ? [] : [ephemeralNode(group)]),
    ],
  )
}

export type GroupSetting = 'subject' | 'description' | 'announce' | 'locked' | 'ephemeral'

export type GroupChange =
  | { readonly kind: 'create' | GroupSetting }
  | { readonly kind: 'add' | 'remove' | 'promote' | 'demote'; readonly accounts: readonly Account[] }

const changeNode = (group: Group, change: GroupChange, t: number): Node => {
  switch (change.kind) {
    case 'create':
      return element('create', { type: 'new' }, [groupNode(group)])
    case 'subject':
      return element('subject', { subject: group.subject, s_t: String(t) })
    case 'description':
      return descriptionNode(group)
    case 'announce':
      return element(group.announce ? 'announcement' : 'not_announcement')
    case 'locked':
      return element(group.locked ? 'locked' : 'unlocked')
    case 'ephemeral':
      return ephemeralNode(group)
    default:
      return element(
        change.kind,
        {},
        change.accounts.map((account) => participant(group, account)),
      )
  }
}

/** Tells a member that a group was made or who came and went. `by` did it; somebody who left did it himself. */
export const groupNotification = (
  group: Group,
  change: GroupChange,
  by: Account,
  stanza: { readonly id: string; readonly t: number },
): Node => {
  const content = changeNode(group, change, stanza.t)
  return notification(
    {
      ...stanza,
      type: 'w:gp2',
      from: group.jid,
      participant: jidOf(by, 0, group.addressing),
      ...(group.addressing === 'lid' ? { participant_pn: jidOf(by) } : {}),
      notify: by.name,
    },
    [content],
  )
}

export interface GroupReceipt {
  readonly group: Group
  readonly id: string
  readonly type: string | undefined
  /** The bare JIDs of those who sent it, in the group's addressing, with the time in seconds. */
  readonly users: readonly { readonly jid: string; readonly t: string }[]
}

/**
 * Receipts of members for one message. The server gives several that came together as one stanza, with a list
 * (whatsmeow, receipt.go `handleGroupedReceipt`).
 */
export const groupReceipt = ({ group, id, type, users }: GroupReceipt): Node => {
  const [first] = users
  const attrs = { from: group.jid, id, type, t: first?.t }
  if (users.length === 1) return element('receipt', { ...attrs, participant: first?.jid })
  return element('receipt', attrs, [
    element(
      'participants',
      { key: id },
      users.map((user) => element('user', user)),
    ),
  ])
}

/** Who a receipt in a group is from: its participant, or those of its list. */
export const receiptUsers = (receipt: Node): { readonly jid: string; readonly t: string }[] => {
  const own = { jid: attr(receipt, 'participant'), t: attr(receipt, 't') }
  const listed = children(receipt, 'participants').flatMap((list) =>
    children(list, 'user').map((user) => ({ jid: attr(user, 'jid'), t: attr(user, 't') })),
  )
  return [own, ...listed].flatMap(({ jid, t }) => (jid === undefined ? [] : [{ jid, t: t ?? '0' }]))
}
