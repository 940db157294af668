import type { Context } from '../context.ts'
import { groupNode } from '../protocol/group.ts'
import { groupServer, parseJid } from '../protocol/jid.ts'
import { attr, child, element, type Node } from '../protocol/node.ts'
import type { Companion } from '../state/account.ts'
import type { IqAnswer } from './iq-answer.ts'

const notFound: IqAnswer = { kind: 'error', code: 404, text: 'item-not-found' }
const forbidden: IqAnswer = { kind: 'error', code: 403, text: 'forbidden' }
const notImplemented: IqAnswer = { kind: 'error', code: 501, text: 'feature-not-implemented' }

/** Answers what a companion asks about groups: all that its account is in, or one that it is in. */
export const answerGroups = (context: Context, { account }: Companion, iq: Node): IqAnswer => {
  const to = attr(iq, 'to') ?? ''
  if (child(iq, 'participating') !== undefined) {
    return {
      kind: 'result',
      content: [element('groups', {}, context.groups.of(account).map(groupNode))],
    }
  }
  if (parseJid(to)?.server !== groupServer || child(iq, 'query') === undefined) return notImplemented
  context.counters.groupQueries++
  const group = context.groups.find(to)
  if (group === undefined) return notFound
  return group.members.has(account) ? { kind: 'result', content: [groupNode(group)] } : forbidden
}
