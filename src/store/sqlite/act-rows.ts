/** The rows that acts leave at their targets: the reaction and the vote of each person, and what a message said before. */
import { and, asc, eq, or } from './drizzle.ts'
import type { MessageChange, Reaction, Vote } from '../../domain/acts.ts'
import type { MessageBody } from '../../domain/body.ts'
import type { Party } from '../../domain/jid.ts'
import { messageChanges, pollVotes, reactions } from './schema.ts'
import { assign, directAll, directWrite, everyColumn, param, type Db } from './statements.ts'

/** What one person has done, as its table has it. */
export interface PersonalRow {
  readonly seq: number
  readonly byPn: string | null
  readonly byLid: string | null
  readonly actId: string
  readonly at: number
  /** The emoji, or the options as JSON. */
  readonly value: string
}

/** A table with what each person has done to a message, in which there is one row for each. */
export interface PersonalTable {
  /** Rows of one person: more than one while nobody knows that two addresses are one person's. */
  of(messageId: string, by: Party): readonly PersonalRow[]
  all(messageId: string): readonly PersonalRow[]
  insert(messageId: string, deviceId: string, row: Omit<PersonalRow, 'seq'>): void
  update(row: PersonalRow): void
  remove(seq: number): void
}

const createPersonalTable = (
  db: Db,
  table: typeof reactions | typeof pollVotes,
  name: 'emoji' | 'options',
): PersonalTable => {
  const value = table === reactions ? reactions.emoji : pollVotes.options
  const columns = {
    seq: table.seq,
    byPn: table.byPn,
    byLid: table.byLid,
    actId: table.actId,
    at: table.at,
    value,
  }
  const ofMessage = eq(table.messageId, param('messageId'))
  const bySeq = eq(table.seq, param('seq'))
  const isBy = or(eq(table.byPn, param('byPn')), eq(table.byLid, param('byLid')))
  const selectOf = directAll(db, columns, db.select(columns).from(table).where(and(ofMessage, isBy)))
  const selectAll = directAll(
    db,
    columns,
    db.select(columns).from(table).where(ofMessage).orderBy(asc(table.seq)),
  )
  const insert = directWrite(db, db.insert(table).values(everyColumn(table)))
  const shared = assign(reactions, 'byPn', 'byLid', 'actId', 'at')
  const update = directWrite(
    db,
    table === reactions
      ? db
          .update(reactions)
          .set({ ...shared, ...assign(reactions, 'emoji') })
          .where(bySeq)
      : db
          .update(pollVotes)
          .set({ ...shared, ...assign(pollVotes, 'options') })
          .where(bySeq),
  )
  const remove = directWrite(db, db.delete(table).where(bySeq))
  return {
    of: (messageId, { pn, lid }) => selectOf({ messageId, byPn: pn, byLid: lid }),
    all: (messageId) => selectAll({ messageId }),
    insert: (messageId, deviceId, { value: said, ...row }) =>
      insert({ messageId, deviceId, ...row, [name]: said }),
    update: ({ value: said, ...row }) => update({ ...row, [name]: said }),
    remove: (seq) => remove({ seq }),
  }
}

export const createActRows = (db: Db) => {
  const columns = {
    kind: messageChanges.kind,
    actId: messageChanges.actId,
    byPn: messageChanges.byPn,
    byLid: messageChanges.byLid,
    at: messageChanges.at,
    text: messageChanges.text,
    body: messageChanges.body,
  }
  const ofMessage = eq(messageChanges.messageId, param('messageId'))
  const select = directAll(
    db,
    columns,
    db.select(columns).from(messageChanges).where(ofMessage).orderBy(asc(messageChanges.seq)),
  )
  const insert = directWrite(db, db.insert(messageChanges).values(everyColumn(messageChanges)))
  const clear = directWrite(db, db.delete(messageChanges).where(ofMessage))

  const votes = createPersonalTable(db, pollVotes, 'options')
  const reacted = createPersonalTable(db, reactions, 'emoji')
  const personal = ({ byPn, byLid, at, actId }: PersonalRow) => ({
    by: { pn: byPn, lid: byLid },
    at,
    actId,
  })

  return {
    reactions: reacted,
    votes,
    /** As they were written: of one person there may be two, and '' is a reaction that was taken back. */
    reactionsOf: (messageId: string): readonly Reaction[] =>
      reacted.all(messageId).map((row) => ({ ...personal(row), emoji: row.value })),
    votesOf: (messageId: string): readonly Vote[] =>
      votes.all(messageId).map((row) => ({ ...personal(row), options: JSON.parse(row.value) as string[] })),
    changesOf: (messageId: string): readonly MessageChange[] =>
      select({ messageId }).map(({ kind, actId, byPn, byLid, at, text, body }) => ({
        kind,
        actId,
        by: { pn: byPn, lid: byLid },
        at,
        text,
        body: body === null ? null : (JSON.parse(body) as MessageBody),
      })),
    /** All of them anew: one that comes late may belong between two others. */
    writeChanges: (messageId: string, deviceId: string, changes: readonly MessageChange[]): void => {
      clear({ messageId })
      for (const { by, body, ...change } of changes) {
        insert({
          ...change,
          messageId,
          deviceId,
          byPn: by.pn,
          byLid: by.lid,
          body: body === null ? null : JSON.stringify(body),
        })
      }
    },
  }
}
