import { audited, unaudited, unchanged, type Accounted, type Receipt } from './accounted.ts'
import { and, asc, desc, eq, inArray, lt, sql } from './drizzle.ts'
import type { MessageBody } from '../../domain/body.ts'
import type { AuditAction, Origin } from '../../domain/audit.ts'
import { partyJid, sameParty, type Party } from '../../domain/jid.ts'
import { type Media, mediaRef } from '../../domain/media.ts'
import {
  awaitingRetry,
  isPending,
  momentIn,
  neverCame,
  type Message,
  type MessageFailure,
  type Reference,
} from '../../domain/message.ts'
import type { FilePlace, InboundStore, JournaledStanza, NewMessage, Promotion } from '../store.ts'
import type { ActQueries } from './acts.ts'
import type { AddressQueries } from './addresses.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import {
  arrivalEvent,
  messageColumns,
  messageEvent,
  newMessage,
  toMessage,
  type MessageQueries,
} from './message-rows.ts'
import { type MediaQueries, receivedMedia } from './media-rows.ts'
import { journal, messages as messagesTable } from './schema.ts'
import { directAll, directWrite, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

/** Rows that one transaction of `prune` deletes: it must not hold up the event loop. */
const pruneBatchRows = 2_000

const createJournal = (db: Db) => {
  const isPending = and(eq(journal.deviceId, param('deviceId')), sql`promoted_at is null`)
  const key = { stanzaKey: journal.stanzaKey, parts: journal.parts }
  const selectComplete = directAll(
    db,
    key,
    db
      .select(key)
      .from(journal)
      .where(isPending)
      .groupBy(journal.stanzaKey, journal.parts)
      .having(sql`count(distinct ${journal.part}) = ${journal.parts}`)
      .orderBy(asc(sql`min(${journal.seq})`))
      .limit(upTo('limit')),
  )
  const { part, journaledAt, stanza: stanzaText, plaintext } = journal
  const partColumns = { part, journaledAt, stanza: stanzaText, plaintext }
  const selectParts = directAll(
    db,
    partColumns,
    db
      .select(partColumns)
      .from(journal)
      .where(and(isPending, eq(journal.stanzaKey, param('stanzaKey')), eq(journal.parts, param('parts'))))
      .orderBy(asc(journal.part), desc(journal.seq)),
  )
  const promote = directWrite(
    db,
    db
      .update(journal)
      .set({ promotedAt: sql`${param('now')}` })
      .where(and(isPending, eq(journal.stanzaKey, param('stanzaKey')))),
  )
  const old = db
    .select({ seq: journal.seq })
    .from(journal)
    .where(
      and(
        eq(journal.deviceId, param('deviceId')),
        lt(journal.journaledAt, param('before')),
        sql`promoted_at is not null`,
      ),
    )
    .limit(upTo(pruneBatchRows))
  const remove = db.delete(journal).where(inArray(journal.seq, old)).prepare()

  /** A part that came again, because its sender tried again, counts as it came last. */
  const stanza = (deviceId: string, stanzaKey: string, parts: number): JournaledStanza | undefined => {
    const rows = selectParts({ deviceId, stanzaKey, parts })
    const newest = rows.filter((row, at) => row.part !== rows[at - 1]?.part)
    const first = newest[0]
    if (first === undefined) return undefined
    return {
      stanzaKey,
      stanza: first.stanza,
      plaintexts: newest.map((row) => row.plaintext),
      journaledAt: Math.max(...newest.map((row) => row.journaledAt)),
    }
  }

  return {
    pending: (deviceId: string, limit: number): readonly JournaledStanza[] =>
      selectComplete({ deviceId, limit }).flatMap(
        ({ stanzaKey, parts }) => stanza(deviceId, stanzaKey, parts) ?? [],
      ),
    promote: (deviceId: string, stanzaKey: string, now: number): void => {
      promote({ deviceId, stanzaKey, now })
    },
    prune: (deviceId: string, before: number): number => remove.run({ deviceId, before }).changes,
  }
}

type PromotedMessage = Extract<Promotion, { kind: 'message' }>

/** A body with what only the store knows: the ids of the message that it answers and of its file. */
const withIds = (
  { body, text }: NewMessage,
  { replyTo, received }: { readonly replyTo: string | undefined; readonly received: Media | undefined },
): MessageBody | null => {
  if (replyTo === undefined && received === undefined) return body ?? null
  const whole = body ?? { type: 'text', text: text ?? '' }
  return {
    ...whole,
    ...(received === undefined ? {} : { media: mediaRef(received) }),
    ...(replyTo === undefined ? {} : { replyTo }),
  }
}

/** Who wrote a message that we sent is known: the device's own account, under whichever address. */
const isSameMessage = (a: NewMessage, b: Message): boolean =>
  a.direction === b.direction &&
  sameParty(a.chat, b.chat) &&
  (a.direction === 'outbound' || sameParty(a.sender, b.sender))

export const createInbound = (
  db: Db,
  engine: Engine,
  {
    fence,
    tracer,
    messages,
    addresses,
    media,
    acts,
  }: {
    fence: Fence
    tracer: Tracer
    messages: MessageQueries
    addresses: AddressQueries
    media: MediaQueries
    acts: ActQueries
  },
): InboundStore => {
  const rows = createJournal(db)
  const selectLate = directAll(
    db,
    messageColumns,
    db
      .select(messageColumns)
      .from(messagesTable)
      .where(
        and(lt(messagesTable.createdAt, param('before')), sql`type = 'undecryptable' and status <> 'failed'`),
      )
      .limit(upTo('limit')),
  )

  const trace = (
    before: Message | null,
    message: Message,
    origin: Origin,
    now: number,
    action: AuditAction = 'message.receive',
  ): Receipt => {
    const { type, error } = message
    const from = partyJid(message.sender)
    if (error !== null) {
      const event = isPending(message) ? 'message.pending' : 'message.failed'
      tracer.event(messageEvent(event, message, { from, type, error }), now)
    } else {
      const event = message.direction === 'inbound' ? 'message.received' : 'message.sent'
      tracer.event(arrivalEvent(event, message, { from, type }), now)
    }
    return tracer.audit(
      {
        origin,
        action,
        target: { kind: 'message', id: message.id },
        before: before === null ? null : { status: before.status, type: before.type },
        after: { status: message.status, type, error: error?.code ?? null },
      },
      now,
    )
  }

  /** By the id that bodies have it under, the message that another one answers. */
  const repliedTo = (
    deviceId: string,
    chat: Party,
    quoted: Reference | null | undefined,
  ): string | undefined =>
    quoted === null || quoted === undefined
      ? undefined
      : messages.byWhatsappId(deviceId, quoted.whatsappId).find((stored) => sameParty(stored.chat, chat))?.id

  /** The last word on a message that may have come yet. */
  const fail = (
    before: Message,
    error: MessageFailure,
    origin: Origin,
    now: number,
    action: AuditAction = 'message.receive',
  ): Accounted<Message> => {
    const message: Message = { ...before, status: 'failed', error, failedAt: momentIn(before, now) }
    messages.update(message)
    return audited(trace(before, message, origin, now, action), message)
  }

  /** Writes the message unless it is there; returns it as it was written. */
  const store = (
    { message: { error, ...given }, quoted, file, act = null }: PromotedMessage,
    place: FilePlace | undefined,
    origin: Origin,
    now: number,
  ): Accounted<Message | null> => {
    const { deviceId, content } = given
    const chat = addresses.complete(deviceId, given.chat)
    const replyTo = repliedTo(deviceId, chat, quoted)
    const received = file && place ? receivedMedia(file, place, given, now) : undefined
    const input: NewMessage = {
      ...given,
      chat,
      sender: addresses.complete(deviceId, given.sender),
      body: withIds(given, { replyTo, received }),
    }
    const reached = input.direction === 'inbound' ? 'delivered' : 'sent'
    const awaited = error?.code === awaitingRetry
    const message: Message = {
      ...newMessage(input, error === null || awaited ? reached : 'failed', error, now),
      // What nobody can read yet has not arrived.
      ...(awaited ? { deliveredAt: null } : {}),
    }
    const known = messages
      .byWhatsappId(deviceId, given.whatsappId)
      .find((stored) => isSameMessage(input, stored))
    if (known === undefined) {
      messages.insert(message, content, act)
      if (received !== undefined) media.insert(received)
      const receipt = trace(null, message, origin, now)
      acts.arrived(message, act, origin, now)
      return audited(receipt, message)
    }
    if (known.type !== 'undecryptable') return unchanged(null)
    if (error !== null) {
      return awaited || !isPending(known) ? unchanged(null) : fail(known, error, origin, now)
    }
    const { id, sender, createdAt } = known
    const filled = { ...message, id, chat: known.chat, sender, createdAt }
    messages.reveal(filled, content, act)
    if (received !== undefined) media.insert({ ...received, messageId: id })
    const receipt = trace(known, filled, origin, now)
    acts.arrived(filled, act, origin, now)
    return audited(receipt, filled)
  }

  return {
    pending: (deviceId, limit) => engine.read(() => rows.pending(deviceId, limit)),
    promote: (lease, { deviceId, stanzaKey, promotion, file }, origin, now) =>
      engine.write(() => {
        fence(lease)
        rows.promote(deviceId, stanzaKey, now)
        if (promotion.kind !== 'message') return unaudited('keys', { stored: null })
        const stored = store(promotion, file, origin, now)
        return audited(stored, { stored: stored.value })
      }),
    giveUp: (seat, { before, limit }, origin, now) =>
      engine.write(() => {
        fence(seat)
        const late = selectLate({ before, limit }).map(toMessage)
        const given = late.map((message) =>
          fail(message, neverCame(message.error), origin, now, 'message.give_up'),
        )
        return audited(given, given.length)
      }),
    prune: async (deviceId, before) => {
      let pruned = 0
      for (;;) {
        const count = await engine.writeQuietly(() => unaudited('prune', rows.prune(deviceId, before)))
        pruned += count
        if (count < pruneBatchRows) return pruned
      }
    },
  }
}
