/** Takes messages out of the log, each with all that belongs to it. Its place in the search index goes by a trigger. */
import type { Db } from './statements.ts'

export interface Removable {
  readonly seq: number
  readonly id: string
  /** The id of its file; null when it has none. */
  readonly file: string | null
}

interface FileRow {
  readonly id: string
  readonly source: string
  readonly sha256: string
}

export const createMessageRemoval = ({ $client: client }: Db) => {
  const belongings = ['outbox', 'reactions', 'poll_votes', 'receipts', 'message_changes'].map((table) =>
    client.prepare<[string]>(`delete from ${table} where message_id = +?`),
  )
  const removeMessage = client.prepare<[number]>('delete from messages where seq = +?')
  const removeChanges = client.prepare<[string]>('delete from message_changes where message_id = +?')
  const emptyMessage = client.prepare<[number, number]>(
    `update messages set sender_pn = null, sender_lid = null, sender_name = null, text = null, body = null, content = null, act = null,
      error_detail = case when error_code is not null then '' end, deleted_at = coalesce(deleted_at, ?) where seq = +?`,
  )
  const selectFiles = client.prepare<[string, string | null], FileRow>(
    'select id, source, sha256 from media where message_id = +? or id = +?',
  )
  const selectUser = client
    .prepare<[string], number>(
      `select 1 from messages where json_extract(body, '$.media.uploadId') = +? limit 1`,
    )
    .pluck()
  const selectBulk = client
    .prepare<[string], number>(
      `select 1 from bulks where ended_at is null and json_extract(body, '$.media.uploadId') = +? limit 1`,
    )
    .pluck()
  const removeFile = client.prepare<[string]>('delete from media where id = +?')
  const orphanFile = client.prepare<[string]>('update media set message_id = null where id = +?')
  const selectActs = client.prepare<[string, number], Removable>(
    `select seq, id, json_extract(body, '$.media.uploadId') as file from messages where target_id = +? limit +? + 0`,
  )

  const removeFiles = (files: readonly FileRow[], withUploads: boolean): readonly string[] =>
    files.flatMap(({ id, source, sha256 }) => {
      const isNeeded = selectUser.get(id) !== undefined || selectBulk.get(id) !== undefined
      if (isNeeded || (source === 'upload' && !withUploads)) {
        orphanFile.run(id)
        return []
      }
      removeFile.run(id)
      return [sha256]
    })

  return {
    /** The messages that have done something to one: reactions, edits, votes. */
    actsOn: (id: string, limit: number): readonly Removable[] => selectActs.all(id, limit),
    /**
     * Removes a message, and its files unless another message has them too. What somebody uploaded to send it by its id goes
     * only `withUploads`. Returns the SHA-256 of the files that went.
     */
    remove: ({ seq, id, file }: Removable, withUploads: boolean): readonly string[] => {
      const files = selectFiles.all(id, file)
      for (const one of belongings) one.run(id)
      removeMessage.run(seq)
      return removeFiles(files, withUploads)
    },
    /** Leaves a message in its place that says nothing, as if it had been deleted by whoever wrote it. */
    empty: ({ seq, id, file }: Removable, now: number): readonly string[] => {
      const files = selectFiles.all(id, file)
      emptyMessage.run(now, seq)
      removeChanges.run(id)
      return removeFiles(files, true)
    },
  }
}

export type MessageRemoval = ReturnType<typeof createMessageRemoval>
