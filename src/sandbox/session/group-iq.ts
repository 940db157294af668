import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { groupNode } from '../protocol/group.ts'
import { groupServer, parseJid } from '../protocol/jid.ts'
import { attr, child, children, element, type Node, textOf } from '../protocol/node.ts'
import type { Account, Companion } from '../state/account.ts'
import type { Group } from '../state/groups.ts'
import { announceGroup } from './group-router.ts'
import type { IqAnswer } from './iq-answer.ts'

const badRequest: IqAnswer = { kind: 'error', code: 400, text: 'bad-request' }
const notFound: IqAnswer = { kind: 'error', code: 404, text: 'item-not-found' }
const forbidden: IqAnswer = { kind: 'error', code: 403, text: 'forbidden' }
const notAcceptable: IqAnswer = { kind: 'error', code: 406, text: 'not-acceptable' }
const notImplemented: IqAnswer = { kind: 'error', code: 501, text: 'feature-not-implemented' }

const ok = (...content: Node[]): IqAnswer => ({ kind: 'result', content })

const subjectMaxChars = 100

const peopleOf = ({ directory }: Context, node: Node): { jid: string; account: Account | undefined }[] =>
  children(node, 'participant').map((participant) => {
    const jid = attr(participant, 'jid') ?? ''
    return { jid, account: directory.find(jid) }
  })

/** What the client asked for, person by person: those who are not here get an error of their own. */
const participantsNode = (tag: string, people: readonly { jid: string; error?: string }[]): Node =>
  element(
    tag,
    {},
    people.map(({ jid, error }) => element('participant', { jid, error })),
  )

const create = (context: Context, account: Account, asked: Node): IqAnswer => {
  const subject = attr(asked, 'subject')
  if (subject === undefined || subject.length > subjectMaxChars) return notAcceptable
  const people = peopleOf(context, asked)
  const absent = people
    .filter((person) => person.account === undefined)
    .map(({ jid }) => element('participant', { jid, error: '404' }))
  try {
    const group = context.groups.create({
      subject,
      addressing: 'lid',
      owner: account,
      createdAtSeconds: context.nowSeconds(),
      members: people.flatMap((person) => person.account ?? []),
    })
    announceGroup(context, group, { kind: 'create' }, account)
    const { tag, attrs, ...made } = groupNode(group)
    return ok(element(tag, attrs, [...children({ tag, attrs, ...made }), ...absent]))
  } catch (error) {
    if (error instanceof SandboxError) return notAcceptable
    throw error
  }
}

/** A client names the groups that it leaves. */
const leave = (context: Context, account: Account, asked: Node): IqAnswer => {
  const answers = children(asked, 'group').map((named) => {
    const id = attr(named, 'id')
    const group = context.groups.find(id)
    if (group === undefined || !group.members.has(account)) return element('group', { id, error: '404' })
    context.groups.change(group, { add: [], remove: [account] })
    announceGroup(context, group, { kind: 'remove', accounts: [account] }, account)
    return element('group', { id })
  })
  return ok(element('leave', {}, answers))
}

const changes = ['add', 'remove', 'promote', 'demote'] as const

type Change = (typeof changes)[number]

const errorOf = (
  { members, owner }: Group,
  kind: Change,
  account: Account | undefined,
): string | undefined => {
  if (account === undefined || (kind !== 'add' && !members.has(account))) return '404'
  if (kind === 'add' && members.has(account)) return '409'
  return account === owner && kind !== 'promote' ? '405' : undefined
}

const change = (context: Context, account: Account, group: Group, kind: Change, asked: Node): IqAnswer => {
  if (!group.admins.has(account)) return forbidden
  const people = peopleOf(context, asked).map((person) => {
    const error = errorOf(group, kind, person.account)
    return { ...person, ...(error === undefined ? {} : { error }) }
  })
  const accounts = people.flatMap((person) => ('error' in person ? [] : (person.account ?? [])))
  try {
    context.groups.change(group, {
      add: kind === 'add' ? accounts : [],
      remove: kind === 'remove' ? accounts : [],
    })
  } catch (error) {
    if (error instanceof SandboxError) return notAcceptable
    throw error
  }
  for (const each of accounts) {
    if (kind === 'promote') group.admins.add(each)
    if (kind === 'demote') group.admins.delete(each)
  }
  if (accounts.length > 0) announceGroup(context, group, { kind, accounts }, account)
  return ok(participantsNode(kind, people))
}

const rename = (context: Context, account: Account, group: Group, asked: Node): IqAnswer => {
  const subject = textOf(asked) ?? ''
  if (subject === '' || subject.length > subjectMaxChars) return notAcceptable
  if (!group.admins.has(account)) return forbidden
  group.subject = subject
  announceGroup(context, group, { kind: 'subject' }, account)
  return { kind: 'result' }
}

/** Answers about all groups, to `@g.us`. */
const answerAll = (context: Context, account: Account, iq: Node): IqAnswer => {
  if (child(iq, 'participating') !== undefined) {
    return ok(element('groups', {}, context.groups.of(account).map(groupNode)))
  }
  const [asked] = children(iq)
  if (asked?.tag === 'create') return create(context, account, asked)
  return asked?.tag === 'leave' ? leave(context, account, asked) : notImplemented
}

/** Answers what a companion asks about groups, and does what it wants of them. */
export const answerGroups = (context: Context, { account }: Companion, iq: Node): IqAnswer => {
  const to = attr(iq, 'to') ?? ''
  const [asked] = children(iq)
  if (asked === undefined) return badRequest
  if (parseJid(to)?.server !== groupServer) return answerAll(context, account, iq)
  const kind = changes.find((each) => each === asked.tag)
  if (kind === undefined && asked.tag !== 'query' && asked.tag !== 'subject') return notImplemented
  if (asked.tag === 'query') context.counters.groupQueries++
  const group = context.groups.find(to)
  if (group === undefined) return notFound
  if (!group.members.has(account)) return forbidden
  if (kind !== undefined) return change(context, account, group, kind, asked)
  return asked.tag === 'subject' ? rename(context, account, group, asked) : ok(groupNode(group))
}
