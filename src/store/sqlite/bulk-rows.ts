/** Bulks and their recipients as rows. */
import { and, asc, desc, eq, getTableColumns, gt, isNull, lt, sql } from './drizzle.ts'
import type { MessageBody } from '../../domain/body.ts'
import { recipientStatuses, type Bulk, type RecipientStatus } from '../../domain/bulk.ts'
import type { Plan } from '../../domain/plan.ts'
import type { BulkRecipient, NewRecipient } from '../bulk-store.ts'
import { bulkRecipients, bulks } from './bulk-schema.ts'
import { messages, outbox } from './schema.ts'
import { assign, directGet, directWrite, everyColumn, param, type Db, upTo } from './statements.ts'

type BulkRow = typeof bulks.$inferSelect

export const toBulk = (row: BulkRow): Bulk => ({
  id: row.id,
  deviceId: row.deviceId,
  name: row.name,
  state: row.state,
  body: JSON.parse(row.body) as MessageBody,
  plan: JSON.parse(row.plan) as Plan,
  sender: { pn: row.senderPn, lid: row.senderLid },
  senderName: row.senderName,
  total: row.total,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  startedAt: row.startedAt,
  endedAt: row.endedAt,
})

/** What is shown of a recipient: of one that is fed, how far its message is. */
const status = sql<RecipientStatus>`case ${bulkRecipients.state}
  when 'fed' then case ${messages.status}
    when 'sending' then 'queued'
    when 'played' then 'read'
    when 'failed' then case ${messages.errorCode} when 'cancelled' then 'cancelled' else 'failed' end
    else ${messages.status} end
  when 'cancelled' then case ${bulkRecipients.errorCode} when 'cancelled' then 'cancelled' else 'failed' end
  else ${bulkRecipients.state} end`

export const createBulkQueries = (db: Db) => {
  const columns = getTableColumns(bulks)
  const byId = eq(bulks.id, param('id'))
  const ofDevice = eq(bulks.deviceId, param('deviceId'))
  const isOpen = isNull(bulks.endedAt)
  const ofBulk = eq(bulkRecipients.bulkId, param('bulkId'))
  const isWaiting = sql`${bulkRecipients.state} = 'waiting'`
  const toMessage = sql`${messages.id} = ${bulkRecipients.messageId} and ${bulkRecipients.state} = 'fed'`

  const recipientColumns = {
    seq: bulkRecipients.seq,
    recipient: bulkRecipients.recipient,
    chat: bulkRecipients.chat,
    status,
    errorCode: sql<string | null>`coalesce(${bulkRecipients.errorCode}, ${messages.errorCode})`,
    errorDetail: sql<string | null>`coalesce(${bulkRecipients.errorDetail}, ${messages.errorDetail})`,
    messageId: sql<
      string | null
    >`case ${bulkRecipients.state} when 'fed' then ${bulkRecipients.messageId} end`,
  }
  const selectRecipients = (withStatus: boolean) =>
    db
      .select(recipientColumns)
      .from(bulkRecipients)
      .leftJoin(messages, toMessage)
      .where(
        and(
          ofBulk,
          gt(bulkRecipients.seq, param('after')),
          withStatus ? sql`${status} = ${param('status')}` : undefined,
        ),
      )
      .orderBy(asc(bulkRecipients.seq))
      .limit(upTo('limit'))
      .prepare()
  const [all, withStatus] = [selectRecipients(false), selectRecipients(true)]

  const count = (wanted: RecipientStatus) =>
    sql<number>`coalesce(sum(${status} = ${sql.raw(`'${wanted}'`)}), 0)`.as(wanted)
  const countColumns = Object.fromEntries(recipientStatuses.map((one) => [one, count(one)])) as Record<
    RecipientStatus,
    ReturnType<typeof count>
  >
  const selectCounts = db
    .select(countColumns)
    .from(bulkRecipients)
    .leftJoin(messages, toMessage)
    .where(ofBulk)
    .prepare()

  // One statement for all: so many inserts, one by one, would hold up the event loop for longer.
  const insertRecipients = directWrite(
    db,
    db
      .insert(bulkRecipients)
      .select(
        sql`select ${sql.placeholder('bulkId')}, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 from json_each(${sql.placeholder('rows')})`,
      ),
  )
  const one = { one: sql`1` }
  const openRow = and(eq(outbox.bulkId, param('bulkId')), sql`${outbox.state} in ('queued', 'sending')`)

  const openCounts = {
    open: sql<number>`count(*)`,
    sending: sql<number>`coalesce(sum(${outbox.state} = 'sending'), 0)`,
  }

  return {
    insert: directWrite(db, db.insert(bulks).values(everyColumn(bulks))),
    insertRecipients: (bulkId: string, recipients: readonly NewRecipient[]): void => {
      const rows = recipients.map(({ recipient, chat, variables, state, error, messageId }) => [
        recipient,
        chat,
        variables === null ? null : JSON.stringify(variables),
        state,
        error?.code ?? null,
        error?.detail ?? null,
        messageId,
      ])
      insertRecipients({ bulkId, rows: JSON.stringify(rows) })
    },
    get: directGet(db, columns, db.select(columns).from(bulks).where(byId)),
    byKey: db
      .select()
      .from(bulks)
      .where(and(ofDevice, eq(bulks.idempotencyKey, param('idempotencyKey'))))
      .prepare(),
    list: db
      .select()
      .from(bulks)
      .where(and(ofDevice, lt(bulks.seq, param('before'))))
      .orderBy(desc(bulks.seq))
      .limit(upTo('limit'))
      .prepare(),
    openOfDevice: db.select().from(bulks).where(and(ofDevice, isOpen)).prepare(),
    /** Those of a state that the clerk has still to look at. */
    open: db
      .select({ id: bulks.id, state: bulks.state, plan: bulks.plan })
      .from(bulks)
      .where(and(isOpen, eq(bulks.state, param('state'))))
      .orderBy(asc(bulks.seq))
      .prepare(),
    update: directWrite(
      db,
      db
        .update(bulks)
        .set(assign(bulks, 'state', 'updatedAt', 'startedAt', 'endedAt'))
        .where(byId),
    ),
    counts: (bulkId: string): Readonly<Record<RecipientStatus, number>> => {
      const counts = selectCounts.get({ bulkId })
      return counts ?? (Object.fromEntries(recipientStatuses.map((name) => [name, 0])) as never)
    },
    recipients: (
      bulkId: string,
      { after, status, limit }: { after: number; status: RecipientStatus | undefined; limit: number },
    ): readonly (BulkRecipient & { readonly seq: number })[] => {
      const rows =
        status === undefined
          ? all.all({ bulkId, after, limit })
          : withStatus.all({ bulkId, after, limit, status })
      return rows.map(({ errorCode, errorDetail, ...row }) => ({
        ...row,
        index: row.seq,
        error: errorCode === null ? null : { code: errorCode, detail: errorDetail ?? '' },
      }))
    },
    waiting: db
      .select()
      .from(bulkRecipients)
      .where(and(ofBulk, isWaiting))
      .orderBy(asc(bulkRecipients.seq))
      .limit(upTo('limit'))
      .prepare(),
    hasWaiting: directGet(
      db,
      one,
      db.select(one).from(bulkRecipients).where(and(ofBulk, isWaiting)).limit(upTo(1)),
    ),
    setFed: directWrite(
      db,
      db
        .update(bulkRecipients)
        .set({ state: 'fed' })
        .where(and(ofBulk, eq(bulkRecipients.seq, param('seq')))),
    ),
    giveUpWaiting: db
      .update(bulkRecipients)
      .set({ ...assign(bulkRecipients, 'errorCode', 'errorDetail'), state: 'cancelled' })
      .where(and(ofBulk, isWaiting))
      .prepare(),
    countOpen: directGet(db, openCounts, db.select(openCounts).from(outbox).where(openRow)),
    /** What of a bulk is in the outbox and not settled. */
    openRows: db.select().from(outbox).where(openRow).orderBy(asc(outbox.seq)).prepare(),
  }
}
