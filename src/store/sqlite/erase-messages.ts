import { createMask, createPass, erased, left, type Pass, untouched } from './erase-pass.ts'
import type { MessageRemoval } from './message-removal.ts'
import type { Db } from './statements.ts'

interface Row {
  readonly id: string
  readonly chat_pn: string | null
  readonly chat_lid: string | null
  readonly sender_pn: string | null
  readonly sender_lid: string | null
  readonly text: string | null
  readonly file: string | null
  readonly isAct: number
  readonly isOpen: number
}

const said = ['text', 'body', 'act', 'sender_name', 'error_detail']

/**
 * Messages of the person's own chat go, whoever wrote them, and so do their acts in groups. What they wrote in a group stays as
 * a row that says nothing, in its place. Where others name them, zeros stand then; the bytes of such a message go.
 */
export const createEraseMessages = (db: Db, removal: MessageRemoval): Pass => {
  const mask = createMask(db, 'messages', said, ', content = null')
  const selectContent = db.$client
    .prepare<[number], Uint8Array | null>('select content from messages where rowid = +?')
    .pluck()
  const dropContent = db.$client.prepare<[number]>('update messages set content = null where rowid = +?')
  return createPass<Row>(db, {
    table: 'messages',
    texts: [...said, 'chat_pn', 'chat_lid', 'sender_pn', 'sender_lid'],
    blobs: ['content'],
    more: [
      'id',
      `json_extract(body, '$.media.uploadId') as file`,
      `type in ('reaction', 'edit', 'delete', 'pin', 'vote') as isAct`,
      `status in ('queued', 'sending') as isOpen`,
    ],
    erase(row, context) {
      const { isAddress } = context.naming
      const message = { seq: row.rowid, id: row.id, file: row.file }
      if (isAddress(row.chat_pn) || isAddress(row.chat_lid)) {
        if (row.isOpen === 1) return left
        return { kind: 'erased', files: removal.remove(message, true) }
      }
      if (isAddress(row.sender_pn) || isAddress(row.sender_lid)) {
        const files = row.isAct === 1 ? removal.remove(message, true) : removal.empty(message, context.now)
        return { kind: 'erased', files }
      }
      // Its bytes are made, or are to be made, from what it says.
      if (row.isOpen === 1) return left
      const fate = mask(row, context)
      if (fate.kind === 'erased') return fate
      const content = Buffer.from(selectContent.get(row.rowid) ?? [])
      if (!context.naming.digits.some((digits) => content.includes(digits))) return untouched
      dropContent.run(row.rowid)
      return erased
    },
  })
}
