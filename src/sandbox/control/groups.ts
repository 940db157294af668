import type { Hono } from 'hono'
import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import type { GroupSetting } from '../protocol/group.ts'
import { announceGroup } from '../session/group-router.ts'
import { announceGroupPicture } from '../session/profile-router.ts'
import { type Account, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import type { ControlTools } from './route.ts'
import { groupChange, type GroupSettings, groupSettings, newGroup } from './schemas.ts'

const groupView = (group: Group): object => ({
  jid: group.jid,
  subject: group.subject,
  addressing: group.addressing,
  owner: group.owner.number,
  createdAt: group.createdAtSeconds,
  description: group.description ?? null,
  announce: group.announce,
  locked: group.locked,
  expiresInSeconds: group.ephemeralSeconds,
  members: [...group.members].map((member) => ({
    number: member.number,
    name: member.name,
    jid: jidOf(member),
    lid: jidOf(member, 0, 'lid'),
    role: member === group.owner ? 'owner' : group.admins.has(member) ? 'admin' : 'member',
  })),
})

/** The group with this JID, or its user part. @throws SandboxError 404 when there is none */
const groupOf = ({ groups }: Context, name: string): Group => {
  const group = groups.find(name.includes('@') ? name : `${name}@g.us`)
  if (group === undefined) throw new SandboxError(404, `there is no group ${name}, make it by POST /groups`)
  return group
}

/** Takes the settings over that are given; which they were, by the names that the wire has for them. */
const changeGroup = (
  group: Group,
  { subject, description, announce, locked, expiresInSeconds }: Omit<GroupSettings, 'by' | 'picture'>,
): GroupSetting[] => {
  const changed: GroupSetting[] = []
  if (subject !== undefined) {
    group.subject = subject
    changed.push('subject')
  }
  if (description !== undefined) {
    group.description = description ?? undefined
    changed.push('description')
  }
  if (announce !== undefined) {
    group.announce = announce
    changed.push('announce')
  }
  if (locked !== undefined) {
    group.locked = locked
    changed.push('locked')
  }
  if (expiresInSeconds !== undefined) {
    group.ephemeralSeconds = expiresInSeconds
    changed.push('ephemeral')
  }
  return changed
}

/** Groups: making them, what they are called and the like, and who comes and goes. */
export const serveGroups = (
  app: Hono,
  { context, phones, withBody }: Pick<ControlTools, 'context' | 'phones' | 'withBody'>,
): void => {
  const accountsOf = (numbers: readonly string[]): Account[] =>
    numbers.map((number) => phones.contact(number))

  app.get('/groups', (request) => request.json(context.groups.all.map(groupView)))
  app.get('/groups/:group', (request) =>
    request.json(groupView(groupOf(context, request.req.param('group')))),
  )
  app.post(
    '/groups',
    withBody(newGroup, (request, { subject, owner, members, addressing }) => {
      const group = context.groups.create({
        subject,
        addressing,
        owner: phones.contact(owner),
        createdAtSeconds: context.nowSeconds(),
        members: accountsOf(members),
      })
      announceGroup(context, group, { kind: 'create' }, group.owner)
      return request.json(groupView(group), 201)
    }),
  )
  app.post(
    '/groups/:group',
    withBody(groupSettings, (request, { by, picture, ...settings }) => {
      const group = groupOf(context, request.req.param('group') ?? '')
      const actor = by === undefined ? group.owner : phones.contact(by)
      for (const setting of changeGroup(group, settings))
        announceGroup(context, group, { kind: setting }, actor)
      if (picture !== undefined) announceGroupPicture(context, group, picture, actor)
      return request.json(groupView(group))
    }),
  )
  app.post(
    '/groups/:group/members',
    withBody(groupChange, (request, { add, remove, promote, demote, by }) => {
      const group = groupOf(context, request.req.param('group') ?? '')
      const actor = by === undefined ? group.owner : phones.contact(by)
      const added = accountsOf(add).filter((account) => !group.members.has(account))
      const removed = accountsOf(remove).filter((account) => group.members.has(account))
      context.groups.change(group, { add: added, remove: removed })
      if (added.length > 0) announceGroup(context, group, { kind: 'add', accounts: added }, actor)
      if (removed.length > 0) announceGroup(context, group, { kind: 'remove', accounts: removed }, actor)
      for (const [kind, names] of [
        ['promote', promote],
        ['demote', demote],
      ] as const) {
        const accounts = accountsOf(names).filter(
          (account) => account !== group.owner && group.members.has(account),
        )
        for (const account of accounts) group.admins[kind === 'promote' ? 'add' : 'delete'](account)
        if (accounts.length > 0) announceGroup(context, group, { kind, accounts }, actor)
      }
      return request.json(groupView(group))
    }),
  )
}
