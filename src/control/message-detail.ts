import { pollResults, type MessageChange, type PollResult, type Reaction } from '../domain/acts.ts'
import { parseJid, partyJid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import type { MemberCounts, MemberReceipt } from '../domain/receipts.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'
import { planOf, type ShownPlan } from './message-plan.ts'

/** A message with what others have done to it. */
export interface MessageDetail {
  readonly message: Message
  readonly reactions: readonly Reaction[]
  /** Null for what is no poll. */
  readonly poll: { readonly voters: number; readonly results: readonly PollResult[] } | null
  /** Of a message of ours to a group: how many members it has come so far with; else null. */
  readonly receipts: MemberCounts | null
  /** While it is not sent: how it will be. */
  readonly plan: ShownPlan | null
}

const isOurGroupMessage = ({ direction, chat }: Message): boolean =>
  direction === 'outbound' && parseJid(partyJid(chat))?.kind === 'group'

/** What a poll asked, also when it was deleted since. */
const pollOptions = async ({ store }: ControlContext, { id, body }: Message): Promise<readonly string[]> => {
  const asked = body ?? (await store.acts.changes(id)).findLast((change) => change.body !== null)?.body
  return asked?.type === 'poll' ? asked.options : []
}

const pollOf = async (ctx: ControlContext, message: Message): Promise<MessageDetail['poll']> => {
  if (message.type !== 'poll') return null
  const [options, votes] = await Promise.all([pollOptions(ctx, message), ctx.store.acts.votes(message.id)])
  return { voters: votes.length, results: pollResults(options, votes) }
}

export const messageDetail = async (ctx: ControlContext, input: { id: string }): Promise<MessageDetail> => {
  const message = await getMessage(ctx, input)
  const { acts, receipts } = ctx.store
  const [reactions, poll, counts, plan] = await Promise.all([
    acts.reactions(message.id),
    pollOf(ctx, message),
    isOurGroupMessage(message) ? receipts.counts(message.id) : null,
    planOf(ctx, message),
  ])
  return { message, reactions, poll, receipts: counts, plan }
}

/** What a message said before each edit and deletion, oldest first. */
export const messageChanges = async (
  ctx: ControlContext,
  input: { id: string },
): Promise<{ readonly message: Message; readonly changes: readonly MessageChange[] }> => {
  const message = await getMessage(ctx, input)
  return { message, changes: await ctx.store.acts.changes(message.id) }
}

/** How far a message has come with each member of its group. */
export const messageReceipts = async (
  ctx: ControlContext,
  input: { id: string },
): Promise<readonly MemberReceipt[]> => {
  const { id } = await getMessage(ctx, input)
  return await ctx.store.receipts.ofMembers(id)
}
