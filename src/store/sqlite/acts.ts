import { type Receipt } from './accounted.ts'
import { and, eq, sql } from './drizzle.ts'
import { applyActs, compareActs, mayBeBy, type Act, type ReceivedAct, type Said } from '../../domain/acts.ts'
import type { AuditAction, Origin } from '../../domain/audit.ts'
import { isAct, type BodyAct, type BodyOptions, type MessageBody } from '../../domain/body.ts'
import { isoOrNull } from '../../domain/iso.ts'
import { partyJid, partyOf, sameParty } from '../../domain/jid.ts'
import type { Message } from '../../domain/message.ts'
import { createActRows, type PersonalRow, type PersonalTable } from './act-rows.ts'
import type { AddressQueries } from './addresses.ts'
import {
  messageColumns,
  messageEvent,
  toMessage,
  type MessageQueries,
  type MessageRow,
} from './message-rows.ts'
import { messages as table } from './schema.ts'
import { assign, directAll, directWrite, param, type Db } from './statements.ts'
import type { Tracer } from './trace.ts'

export interface ActDeps {
  readonly tracer: Tracer
  readonly messages: MessageQueries
  readonly addresses: AddressQueries
}

/** Whose doing a change is, and when it is written. */
interface Cause {
  readonly origin: Origin
  readonly now: number
}

export const receivedActOf = ({ act }: MessageRow): ReceivedAct | null =>
  act === null ? null : (JSON.parse(act) as ReceivedAct)

/** An act whose target is known; undefined when nobody could read what it does. */
const toAct = (row: MessageRow): Act | undefined => {
  const { id, whatsappId, direction, sender, whatsappAt, sentAt, createdAt, body } = toMessage(row)
  if (body === null || !('messageId' in body)) return undefined
  return {
    id,
    whatsappId,
    direction,
    by: sender,
    at: whatsappAt ?? sentAt ?? createdAt,
    clockAt: receivedActOf(row)?.clockAt ?? null,
    body,
  }
}

const audits: Readonly<Record<BodyAct['type'], AuditAction>> = {
  reaction: 'message.react',
  edit: 'message.edit',
  delete: 'message.delete',
  pin: 'message.pin',
  vote: 'poll.vote',
}

/** Applies acts to their targets; runs inside the transaction that writes either. */
export const createActQueries = (db: Db, { tracer, messages, addresses }: ActDeps) => {
  const rows = createActRows(db)
  const selectDone = directAll(
    db,
    messageColumns,
    db
      .select(messageColumns)
      .from(table)
      .where(
        and(
          eq(table.targetId, param('targetId')),
          sql`type in ('edit', 'delete', 'pin') and status not in ('queued', 'sending', 'failed')`,
        ),
      ),
  )
  const selectWaiting = directAll(
    db,
    messageColumns,
    db
      .select(messageColumns)
      .from(table)
      .where(
        and(
          eq(table.deviceId, param('deviceId')),
          eq(table.targetWhatsappId, param('targetWhatsappId')),
          sql`target_id is null and target_whatsapp_id is not null`,
        ),
      ),
  )
  const aimed = directWrite(
    db,
    db
      .update(table)
      .set(assign(table, 'targetId', 'body', 'text'))
      .where(eq(table.id, param('id'))),
  )
  const writeSaid = directWrite(
    db,
    db
      .update(table)
      .set(assign(table, 'text', 'body', 'editedAt', 'deletedAt', 'pinnedUntil'))
      .where(eq(table.id, param('id'))),
  )

  const json = (body: MessageBody | null): string | null => (body === null ? null : JSON.stringify(body))

  const audit = (
    act: Act,
    target: Message,
    before: Readonly<Record<string, unknown>>,
    after: Readonly<Record<string, unknown>>,
    { origin, now }: Cause,
  ): Receipt =>
    tracer.audit(
      {
        origin,
        action: audits[act.body.type],
        target: { kind: 'message', id: target.id },
        before,
        after: { ...after, actId: act.id, by: partyJid(act.by) },
      },
      now,
    )

  /** Was this act done before that one? */
  const isOlder = (act: Act, other: string): boolean => {
    const row = messages.row(other)
    const before = row === undefined ? undefined : toAct(row)
    return before !== undefined && compareActs(act, before) < 0
  }

  /** Writes what a person has done last; undefined when it is older than what is known, else what that was. */
  const putPersonal = (
    personal: PersonalTable,
    act: Act,
    target: Message,
    value: string,
  ): { readonly before: string | null } | undefined => {
    const known = personal.of(target.id, act.by)
    if (known.some(({ actId }) => actId === act.id || isOlder(act, actId))) return undefined
    const [first, ...others] = known
    for (const { seq } of others) personal.remove(seq)
    const row: Omit<PersonalRow, 'seq'> = {
      byPn: act.by.pn ?? first?.byPn ?? null,
      byLid: act.by.lid ?? first?.byLid ?? null,
      actId: act.id,
      at: act.at,
      value,
    }
    if (first === undefined) personal.insert(target.id, target.deviceId, row)
    else personal.update({ seq: first.seq, ...row })
    return { before: first?.value ?? null }
  }

  const react = (act: Act, emoji: string, target: Message, cause: Cause): Receipt | null => {
    const put = putPersonal(rows.reactions, act, target, emoji)
    if (put === undefined) return null
    const data = { actId: act.id, from: partyJid(act.by), emoji }
    tracer.event(messageEvent('message.reacted', target, data), cause.now)
    return audit(act, target, { emoji: put.before }, { emoji }, cause)
  }

  const vote = (act: Act, options: readonly string[], target: Message, cause: Cause): Receipt | null => {
    const put = putPersonal(rows.votes, act, target, JSON.stringify(options))
    if (put === undefined) return null
    const data = { actId: act.id, from: partyJid(act.by), options }
    tracer.event(messageEvent('poll.voted', target, data), cause.now)
    const before = put.before === null ? null : (JSON.parse(put.before) as unknown)
    return audit(act, target, { options: before }, { options }, cause)
  }

  /** Edits, deletions and pins are applied all anew: one that comes late may have been done between two others. */
  const change = (act: Act, target: Message, cause: Cause): Receipt | null => {
    const known = rows.changesOf(target.id)
    const first: Said = known[0] ?? target
    const acts = selectDone({ targetId: target.id }).flatMap((row) => toAct(row) ?? [])
    const { changes, effective, text, body, ...times } = applyActs(target, first, acts)
    if (!effective.has(act.id)) return null
    writeSaid({ id: target.id, text, body: json(body), ...times })
    if (changes.length > 0) rows.writeChanges(target.id, target.deviceId, changes)
    const data = { actId: act.id, from: partyJid(act.by) }
    switch (act.body.type) {
      case 'edit':
        tracer.event(messageEvent('message.edited', target, { ...data, text: act.body.text }), cause.now)
        return audit(act, target, { editedAt: target.editedAt }, { editedAt: times.editedAt }, cause)
      case 'delete':
        tracer.event(messageEvent('message.deleted', target, data), cause.now)
        return audit(act, target, { deletedAt: target.deletedAt }, { deletedAt: times.deletedAt }, cause)
      default: {
        const { pinnedUntil } = times
        tracer.event(
          messageEvent('message.pinned', target, { ...data, until: isoOrNull(pinnedUntil) }),
          cause.now,
        )
        return audit(act, target, { pinnedUntil: target.pinnedUntil }, { pinnedUntil }, cause)
      }
    }
  }

  /** `actId` is the id of an act whose target and body are written. Null when it changes nothing. */
  const apply = (actId: string, targetId: string, cause: Cause): Receipt | null => {
    const row = messages.row(actId)
    const target = messages.get(targetId)
    const act = row === undefined ? undefined : toAct(row)
    if (act === undefined || target === undefined || isAct(target.type)) return null
    const { body } = act
    if (body.type === 'reaction') return react(act, body.emoji, target, cause)
    return body.type === 'vote' ? vote(act, body.options, target, cause) : change(act, target, cause)
  }

  const namesIt = (message: Message, author: string | null): boolean =>
    author === null || mayBeBy(addresses.complete(message.deviceId, partyOf(author)), message)

  /** What an act is about when it names an edit: the message that was edited. */
  const edited = (message: Message): Message | undefined => {
    if (message.type !== 'edit') return message
    return message.targetId === null ? undefined : messages.get(message.targetId)
  }

  /** What an act that came from outside names; undefined while it is not here, or cannot be read. */
  const targetOf = (
    { deviceId, chat, targetWhatsappId }: Message,
    { author }: ReceivedAct,
  ): Message | undefined => {
    if (targetWhatsappId === null) return undefined
    const named = messages
      .byWhatsappId(deviceId, targetWhatsappId)
      .find(
        (message) =>
          message.type !== 'undecryptable' && sameParty(message.chat, chat) && namesIt(message, author),
      )
    return named === undefined ? undefined : edited(named)
  }

  const aim = (message: Message, { deed }: ReceivedAct, target: Message, cause: Cause): void => {
    const body = deed === null ? null : ({ ...deed, messageId: target.id } as BodyAct & BodyOptions)
    aimed({ id: message.id, targetId: target.id, body: json(body), text: message.text })
    apply(message.id, target.id, cause)
    if (message.type === 'edit') aimWaiting(message, target, cause)
  }

  /** Applies what came before the message that it names; `target` is that one, or what it has edited. */
  function aimWaiting(named: Message, target: Message, cause: Cause): void {
    const { deviceId, whatsappId } = named
    for (const row of selectWaiting({ deviceId, targetWhatsappId: whatsappId })) {
      const waiting = toMessage(row)
      const act = receivedActOf(row)
      if (act === null || waiting.type === 'vote' || waiting.id === named.id) continue
      if (sameParty(waiting.chat, named.chat) && namesIt(named, act.author)) aim(waiting, act, target, cause)
    }
  }

  return {
    rows,
    targetOf,
    /** A message has come in, or could be read at last. */
    arrived: (message: Message, act: ReceivedAct | null, origin: Origin, now: number): void => {
      if (message.type === 'undecryptable' || message.type === 'vote') return
      if (!isAct(message.type)) return aimWaiting(message, message, { origin, now })
      const target = act === null ? undefined : targetOf(message, act)
      if (act !== null && target !== undefined) aim(message, act, target, { origin, now })
    },
    /** A message of ours has reached the server. */
    sent: ({ id, targetId }: Message, origin: Origin, now: number): void => {
      if (targetId !== null) apply(id, targetId, { origin, now })
    },
    /** What a vote chooses, and which poll it is for. Null when the poll counts it for nothing. */
    aimVote: (
      vote: Message,
      pollId: string,
      options: readonly string[] | null,
      origin: Origin,
      now: number,
    ): Receipt | null => {
      const body: MessageBody | null = options === null ? null : { type: 'vote', messageId: pollId, options }
      aimed({ id: vote.id, targetId: pollId, body: json(body), text: options?.join(', ') ?? null })
      return options === null ? null : apply(vote.id, pollId, { origin, now })
    },
  }
}

export type ActQueries = ReturnType<typeof createActQueries>
