/** Messages as rows, and the queries on them that more than one aggregate needs. */
import { and, eq, getTableColumns, sql } from './drizzle.ts'
import type { ReceivedAct } from '../../domain/acts.ts'
import type { MessageEventData, MessageEventType, NewEvent } from '../../domain/event.ts'
import type { MessageBody } from '../../domain/body.ts'
import { partyJid } from '../../domain/jid.ts'
import type { Message, MessageFailure, MessageStatus } from '../../domain/message.ts'
import { shownMessage } from '../../domain/shown-message.ts'
import type { NewMessage } from '../store.ts'
import { messages } from './schema.ts'
import { assign, directAll, directGet, directWrite, everyColumn, param, type Db } from './statements.ts'

type FullRow = typeof messages.$inferSelect
export type MessageRow = Omit<FullRow, 'content'>

const { content: _, ...withoutContent } = getTableColumns(messages)
export const messageColumns = withoutContent

const toFailure = (row: MessageRow): MessageFailure | null =>
  row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' }

export const toMessage = (row: MessageRow): Message => ({
  id: row.id,
  deviceId: row.deviceId,
  whatsappId: row.whatsappId,
  direction: row.direction,
  chat: { pn: row.chatPn, lid: row.chatLid },
  sender: { pn: row.senderPn, lid: row.senderLid },
  senderName: row.senderName,
  type: row.type,
  text: row.text,
  body: row.body === null ? null : (JSON.parse(row.body) as MessageBody),
  targetId: row.targetId,
  targetWhatsappId: row.targetWhatsappId,
  status: row.status,
  error: toFailure(row),
  attempts: row.attempts,
  whatsappAt: row.whatsappAt,
  createdAt: row.createdAt,
  sendingAt: row.sendingAt,
  sentAt: row.sentAt,
  deliveredAt: row.deliveredAt,
  readAt: row.readAt,
  playedAt: row.playedAt,
  failedAt: row.failedAt,
  editedAt: row.editedAt,
  deletedAt: row.deletedAt,
  starredAt: row.starredAt,
  deletedForMeAt: row.deletedForMeAt,
  pinnedUntil: row.pinnedUntil,
})

/** A message that enters the store now, with the times that its status asks for. */
export const newMessage = (
  input: NewMessage,
  status: Extract<MessageStatus, 'queued' | 'sent' | 'delivered' | 'failed'>,
  error: MessageFailure | null,
  now: number,
): Message => {
  const { content: _, ...message } = input
  return {
    body: null,
    targetId: null,
    targetWhatsappId: null,
    ...message,
    status,
    error,
    attempts: 0,
    createdAt: now,
    sendingAt: null,
    sentAt: status === 'sent' ? (message.whatsappAt ?? now) : null,
    deliveredAt: status === 'delivered' ? now : null,
    readAt: null,
    playedAt: null,
    failedAt: status === 'failed' ? now : null,
    editedAt: null,
    deletedAt: null,
    starredAt: null,
    deletedForMeAt: null,
    pinnedUntil: null,
  }
}

const toRow = ({ chat, sender, error, body, ...message }: Message): Omit<MessageRow, 'seq' | 'act'> => ({
  ...message,
  body: body === null ? null : JSON.stringify(body),
  chatPn: chat.pn,
  chatLid: chat.lid,
  senderPn: sender.pn,
  senderLid: sender.lid,
  errorCode: error?.code ?? null,
  errorDetail: error?.detail ?? null,
})

export const createMessageQueries = (db: Db) => {
  const select = directGet(
    db,
    messageColumns,
    db
      .select(messageColumns)
      .from(messages)
      .where(eq(messages.id, param('id'))),
  )
  const selectByWhatsappId = directAll(
    db,
    messageColumns,
    db
      .select(messageColumns)
      .from(messages)
      .where(
        and(
          eq(messages.deviceId, param('deviceId')),
          eq(messages.whatsappId, param('whatsappId')),
          sql`id <> whatsapp_id`,
        ),
      ),
  )
  const insert = directWrite(db, db.insert(messages).values(everyColumn(messages)))
  const setContent = directWrite(
    db,
    db
      .update(messages)
      .set(assign(messages, 'content'))
      .where(eq(messages.id, param('id'))),
  )
  const update = directWrite(
    db,
    db
      .update(messages)
      .set(
        assign(
          messages,
          'status',
          'errorCode',
          'errorDetail',
          'attempts',
          'sendingAt',
          'sentAt',
          'deliveredAt',
          'readAt',
          'playedAt',
          'failedAt',
        ),
      )
      .where(eq(messages.id, param('id'))),
  )
  const revealed = db
    .update(messages)
    .set(
      assign(
        messages,
        'senderName',
        'type',
        'text',
        'body',
        'targetId',
        'targetWhatsappId',
        'whatsappAt',
        'content',
        'act',
      ),
    )
    .where(eq(messages.id, param('id')))
    .prepare()

  const selectContent = directGet(
    db,
    { content: messages.content },
    db
      .select({ content: messages.content })
      .from(messages)
      .where(eq(messages.id, param('id'))),
  )

  const get = (id: string): Message | undefined => {
    const row = select({ id })
    return row === undefined ? undefined : toMessage(row)
  }

  const write = (message: Message): void => {
    const { id, status, errorCode, errorDetail, attempts, ...row } = toRow(message)
    const { sendingAt, sentAt, deliveredAt, readAt, playedAt, failedAt } = row
    const times = { sendingAt, sentAt, deliveredAt, readAt, playedAt, failedAt }
    update({ id, status, errorCode, errorDetail, attempts, ...times })
  }

  const actJson = (act: ReceivedAct | null): string | null => (act === null ? null : JSON.stringify(act))

  return {
    get,
    /** With what only the store has. */
    row: (id: string): MessageRow | undefined => select({ id }),
    contentOf: (id: string): Uint8Array | null => selectContent({ id })?.content ?? null,
    /** A WhatsApp id is unique only together with chat and sender: mostly one row, sometimes more. */
    byWhatsappId: (deviceId: string, whatsappId: string): readonly Message[] => {
      const accepted = get(whatsappId)
      const others = selectByWhatsappId({ deviceId, whatsappId }).map(toMessage)
      return accepted?.deviceId === deviceId && accepted.whatsappId === whatsappId
        ? [accepted, ...others]
        : others
    },
    insert: (message: Message, content: Uint8Array | null, act: ReceivedAct | null = null): void => {
      insert({ ...toRow(message), content, act: actJson(act) })
    },
    setContent: (id: string, content: Uint8Array): void => setContent({ id, content }),
    /** Writes status, error, attempts and times. */
    update: write,
    /** Writes what a message turned out to say. */
    reveal: (message: Message, content: Uint8Array | null, act: ReceivedAct | null): void => {
      const { id, senderName, type, text, body, targetId, targetWhatsappId, whatsappAt } = toRow(message)
      const said = { senderName, type, text, body, targetId, targetWhatsappId, whatsappAt, content }
      revealed.run({ id, ...said, act: actJson(act) })
      write(message)
    },
  }
}

export type MessageQueries = ReturnType<typeof createMessageQueries>

type MessageMore = Omit<MessageEventData, 'messageId' | 'whatsappId' | 'chat' | 'chatLid' | 'fromMe'>

/** The event of a message, with what a listener needs to know whose and which it is. */
export const messageEvent = (type: MessageEventType, message: Message, more: MessageMore = {}): NewEvent => ({
  type,
  deviceId: message.deviceId,
  data: {
    messageId: message.id,
    whatsappId: message.whatsappId,
    chat: partyJid(message.chat),
    chatLid: message.chat.lid,
    fromMe: message.direction === 'outbound',
    ...more,
  },
})

/** The event with which a message enters the log, or turns out to say something: it says all of it. */
export const arrivalEvent = (type: MessageEventType, message: Message, more: MessageMore = {}): NewEvent =>
  messageEvent(type, message, { ...more, message: shownMessage(message) })
