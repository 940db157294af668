import { audited, unchanged, type Receipt } from './accounted.ts'
import { and, asc, eq, sql } from './drizzle.ts'
import { onePerPerson } from '../../domain/acts.ts'
import type { Party } from '../../domain/jid.ts'
import { momentIn, type Message } from '../../domain/message.ts'
import type { ActStore, UnreadVote } from '../act-store.ts'
import { receivedActOf, type ActDeps, type ActQueries } from './acts.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { messageColumns, messageEvent, toMessage, type MessageRow } from './message-rows.ts'
import { messages as table } from './schema.ts'
import { directAll, param, type Db, upTo } from './statements.ts'

const unreadableVote = {
  code: 'vote_unreadable',
  detail:
    'the vote cannot be decrypted: it was made for another poll, or the secret of this one is not known',
}

export const createActs = (
  db: Db,
  engine: Engine,
  { fence, tracer, queries, messages, addresses }: ActDeps & { fence: Fence; queries: ActQueries },
): ActStore => {
  const { rows } = queries
  const columns = { ...messageColumns, content: table.content }
  const selectVotes = directAll(
    db,
    columns,
    db
      .select(columns)
      .from(table)
      .where(
        and(
          eq(table.deviceId, param('deviceId')),
          sql`target_id is null and target_whatsapp_id is not null and type = 'vote' and act is not null`,
          sql`(exists (select 1 from messages as poll where poll.id = messages.target_whatsapp_id and poll.type = 'poll')
            or exists (select 1 from messages as poll where poll.device_id = messages.device_id
              and poll.whatsapp_id = messages.target_whatsapp_id and poll.id <> poll.whatsapp_id and poll.type = 'poll'))`,
          sql`(${table.targetWhatsappId}, ${table.seq}) > (${param('afterId')}, ${param('afterSeq')})`,
        ),
      )
      .orderBy(asc(table.targetWhatsappId), asc(table.seq))
      .limit(upTo('limit')),
  )
  const unread = ({ content, ...row }: MessageRow & { content: Uint8Array | null }): UnreadVote[] => {
    const vote = toMessage(row)
    const act = receivedActOf(row)
    const poll = act === null ? undefined : queries.targetOf(vote, act)
    const pollContent = poll?.type === 'poll' ? messages.contentOf(poll.id) : null
    if (poll === undefined || pollContent === null || content === null) return []
    const { id, whatsappId, sender: creator } = poll
    return [
      {
        id: vote.id,
        voter: addresses.complete(vote.deviceId, vote.sender),
        content,
        poll: {
          id,
          whatsappId,
          creator: addresses.complete(poll.deviceId, creator),
          content: pollContent,
        },
      },
    ]
  }
  /** By both addresses as far as they are known now, so that nobody counts twice. */
  const people = <T extends { readonly by: Party; readonly at: number; readonly actId: string }>(
    messageId: string,
    all: readonly T[],
  ): readonly T[] => {
    const deviceId = all.length === 0 ? undefined : messages.get(messageId)?.deviceId
    if (deviceId === undefined) return []
    return onePerPerson(all.map((one) => ({ ...one, by: addresses.complete(deviceId, one.by) })))
  }

  return {
    reactions: (messageId) =>
      engine.read(() => people(messageId, rows.reactionsOf(messageId)).filter(({ emoji }) => emoji !== '')),
    votes: (messageId) =>
      engine.read(() =>
        people(messageId, rows.votesOf(messageId)).filter(({ options }) => options.length > 0),
      ),
    changes: (messageId) => engine.read(() => rows.changesOf(messageId)),
    unreadVotes: (deviceId, limit) =>
      engine.read(() => {
        const votes: UnreadVote[] = []
        // Those that name a poll of another chat, or another author's, stay where they are and must not hold up the rest.
        for (let after = { afterId: '', afterSeq: 0 }; votes.length < limit; ) {
          const rows = selectVotes({ deviceId, limit, ...after })
          votes.push(...rows.flatMap(unread))
          const last = rows.at(-1)
          if (last === undefined || rows.length < limit) break
          after = { afterId: last.targetWhatsappId ?? '', afterSeq: last.seq }
        }
        return votes.slice(0, limit)
      }),
    settleVote: (lease, { id, pollId, options }, origin, now) =>
      engine.write(() => {
        fence(lease)
        const vote = messages.get(id)
        if (vote?.type !== 'vote' || vote.targetId !== null) return unchanged(undefined)
        const counted = queries.aimVote(vote, pollId, options, origin, now)
        if (counted !== null) return audited(counted, undefined)
        const note = (after: Readonly<Record<string, unknown>>): Receipt =>
          tracer.audit(
            {
              origin,
              action: 'poll.vote',
              target: { kind: 'message', id: pollId },
              before: null,
              after: { actId: id, ...after },
            },
            now,
          )
        // A later one of the same person is here already.
        if (options !== null) return audited(note({ overtaken: true }), undefined)
        const failed: Message = {
          ...vote,
          status: 'failed',
          error: unreadableVote,
          failedAt: momentIn(vote, now),
        }
        messages.update(failed)
        tracer.event(messageEvent('message.failed', failed, { error: unreadableVote }), now)
        return audited(note({ error: unreadableVote.code }), undefined)
      }),
  }
}
