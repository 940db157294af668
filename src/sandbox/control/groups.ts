import type { Context as Request, Hono } from 'hono'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import type { Phones } from '../phones.ts'
import { announceGroup } from '../session/group-router.ts'
import { type Account, jidOf } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import { groupChange, newGroup } from './schemas.ts'

type WithBody = <T>(
  schema: z.ZodType<T>,
  handle: (request: Request, body: T) => Response | Promise<Response>,
) => (request: Request) => Promise<Response>

const groupView = (group: Group): object => ({
  jid: group.jid,
  subject: group.subject,
  addressing: group.addressing,
  owner: group.owner.number,
  createdAt: group.createdAtSeconds,
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

/** Groups: making them, and who comes and goes. */
export const serveGroups = (
  app: Hono,
  { context, phones, withBody }: { context: Context; phones: Phones; withBody: WithBody },
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
