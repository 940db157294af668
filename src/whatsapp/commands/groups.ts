/** What is asked of WhatsApp about groups. The nodes are those of Baileys' groups.js and whatsmeow's group.go. */
import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  getBinaryNodeChildString,
} from '@whiskeysockets/baileys'
import type { GroupInfo, GroupMember, GroupRole, GroupSummary, InvitedMember } from '../../domain/group.ts'
import { formatJid, partyOf, type Party } from '../../domain/jid.ts'
import { ask, type CommandContext, RefusedError } from './ask.ts'

const everywhere = '@g.us'
const secondMs = 1_000

const question = (to: string, type: 'get' | 'set', content: BinaryNode): BinaryNode => ({
  tag: 'iq',
  attrs: { to, type, xmlns: 'w:g2' },
  content: [content],
})

const isKnown = ({ pn, lid }: Party): boolean => pn !== null || lid !== null

const roleOf = (type: string | undefined): GroupRole =>
  type === 'admin' || type === 'superadmin' ? type : 'member'

const participantsOf = (group: BinaryNode): readonly BinaryNode[] =>
  getBinaryNodeChildren(group, 'participant')

const partyOfNode = ({ attrs }: BinaryNode): Party =>
  partyOf(attrs['jid'], attrs['phone_number'], attrs['lid'])

const membersOf = (group: BinaryNode): GroupMember[] =>
  participantsOf(group)
    .filter(({ attrs }) => attrs['error'] === undefined)
    .map((node) => ({ ...partyOfNode(node), role: roleOf(node.attrs['type']) }))

const msOf = (seconds: string | undefined): number | null => {
  const ms = Number(seconds) * secondMs
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

const invitedOf = (group: BinaryNode): InvitedMember[] =>
  participantsOf(group)
    .filter(({ attrs }) => attrs['error'] !== undefined)
    .map((node) => {
      const request = getBinaryNodeChild(node, 'add_request')
      const code = request?.attrs['code']
      return {
        ...partyOfNode(node),
        code: Number(node.attrs['error']) || 0,
        invite: code === undefined ? null : { code, expiresAt: msOf(request?.attrs['expiration']) },
      }
    })

const summaryOf = (group: BinaryNode): GroupSummary => {
  const { attrs } = group
  const has = (tag: string): boolean => getBinaryNodeChild(group, tag) !== undefined
  const id = attrs['id'] ?? ''
  const description = getBinaryNodeChild(group, 'description')
  const owner = partyOf(attrs['creator'], attrs['creator_pn'], attrs['creator_lid'])
  const approval = getBinaryNodeChild(getBinaryNodeChild(group, 'membership_approval_mode'), 'group_join')
  return {
    jid: id.includes('@') ? id : formatJid({ kind: 'group', user: id }),
    subject: attrs['subject'] ?? '',
    description: description === undefined ? null : (getBinaryNodeChildString(description, 'body') ?? null),
    owner: isKnown(owner) ? owner : null,
    createdAt: msOf(attrs['creation']),
    addressing: attrs['addressing_mode'] === 'lid' ? 'lid' : 'pn',
    settings: {
      announcement: has('announcement'),
      locked: has('locked'),
      joinApproval: approval?.attrs['state'] === 'on',
      membersMayAdd: getBinaryNodeChildString(group, 'member_add_mode') === 'all_member_add',
      expiresIn: Number(getBinaryNodeChild(group, 'ephemeral')?.attrs['expiration']) || null,
    },
    community: getBinaryNodeChild(group, 'linked_parent')?.attrs['jid'] ?? null,
    size: Number(attrs['size']) || membersOf(group).length,
  }
}

const infoOf = (group: BinaryNode): GroupInfo => {
  const members = membersOf(group)
  return { ...summaryOf(group), size: members.length, members }
}

const groupIn = (answer: BinaryNode): BinaryNode => {
  const group = getBinaryNodeChild(answer, 'group')
  if (group === undefined) throw new Error('WhatsApp answered without a group')
  return group
}

/** `key` comes back in the notification of the new group. */
export const createGroup = async (
  context: CommandContext,
  { subject, participants }: { readonly subject: string; readonly participants: readonly string[] },
): Promise<{ readonly group: GroupInfo; readonly invited: readonly InvitedMember[] }> => {
  const key = context.sock.generateMessageTag()
  const people = participants.map((jid) => ({ tag: 'participant', attrs: { jid } }))
  const create = { tag: 'create', attrs: { subject, key }, content: people }
  const group = groupIn(await ask(context, question(everywhere, 'set', create)))
  return { group: infoOf(group), invited: invitedOf(group) }
}

export const leaveGroup = async (
  context: CommandContext,
  { group }: { readonly group: string },
): Promise<void> => {
  const leave = { tag: 'leave', attrs: {}, content: [{ tag: 'group', attrs: { id: group } }] }
  const answer = await ask(context, question(everywhere, 'set', leave))
  const left = getBinaryNodeChild(getBinaryNodeChild(answer, 'leave'), 'group')
  const code = Number(left?.attrs['error'] ?? 0)
  if (code > 0) throw new RefusedError(code, `${group} was not left`)
}

export const describeGroup = async (
  context: CommandContext,
  { group }: { readonly group: string },
): Promise<{ readonly group: GroupInfo }> => {
  const query = { tag: 'query', attrs: { request: 'interactive' } }
  return { group: infoOf(groupIn(await ask(context, question(group, 'get', query)))) }
}

export const listGroups = async (
  context: CommandContext,
): Promise<{ readonly groups: readonly GroupSummary[] }> => {
  const wanted = ['participants', 'description'].map((tag) => ({ tag, attrs: {} }))
  const participating = { tag: 'participating', attrs: {}, content: wanted }
  const answer = await ask(context, question(everywhere, 'get', participating))
  const groups = getBinaryNodeChildren(getBinaryNodeChild(answer, 'groups'), 'group')
  return { groups: groups.map(summaryOf) }
}
