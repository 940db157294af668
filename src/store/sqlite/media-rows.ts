/** Files as rows, and the queries on them that more than one aggregate needs. */
import type { NewEvent } from '../../domain/event.ts'
import type { Media, ReceivedFile, RemoteFile } from '../../domain/media.ts'
import type { FilePlace } from '../store.ts'
import { eq, getTableColumns } from './drizzle.ts'
import { media } from './schema.ts'
import { assign, directGet, directWrite, everyColumn, param, type Db } from './statements.ts'

export type MediaRow = typeof media.$inferSelect

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'base64')
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export const remoteText = (remote: RemoteFile): string =>
  JSON.stringify({
    ...remote,
    mediaKey: textOf(remote.mediaKey),
    fileSha256: textOf(remote.fileSha256),
    fileEncSha256: textOf(remote.fileEncSha256),
  })

type RemoteJson = Omit<RemoteFile, 'mediaKey' | 'fileSha256' | 'fileEncSha256'> & {
  readonly mediaKey: string
  readonly fileSha256: string
  readonly fileEncSha256: string
}

export const readRemote = (text: string): RemoteFile => {
  const remote = JSON.parse(text) as RemoteJson
  return {
    ...remote,
    mediaKey: bytesOf(remote.mediaKey),
    fileSha256: bytesOf(remote.fileSha256),
    fileEncSha256: bytesOf(remote.fileEncSha256),
  }
}

export const toMedia = (row: MediaRow): Media => ({
  id: row.id,
  deviceId: row.deviceId,
  messageId: row.messageId,
  source: row.source,
  state: row.state,
  sha256: row.sha256,
  bytes: row.bytes,
  mimetype: row.mimetype,
  filename: row.filename,
  width: row.width,
  height: row.height,
  seconds: row.seconds,
  waveform: row.waveform === null ? null : (JSON.parse(row.waveform) as readonly number[]),
  thumbnail: row.thumbnail,
  remote: row.remote === null ? null : readRemote(row.remote),
  error: row.errorCode === null ? null : { code: row.errorCode, detail: row.errorDetail ?? '' },
  attempts: row.attempts,
  dueAt: row.dueAt,
  createdAt: row.createdAt,
  storedAt: row.storedAt,
  removedAt: row.removedAt,
})

const toRow = ({ remote, waveform, error, ...rest }: Media): Omit<MediaRow, 'seq'> => ({
  ...rest,
  remote: remote === null ? null : remoteText(remote),
  waveform: waveform === null ? null : JSON.stringify(waveform),
  errorCode: error?.code ?? null,
  errorDetail: error?.detail ?? null,
})

/** A file that comes with a message. */
export const receivedMedia = (
  file: ReceivedFile,
  { id, dueAt }: FilePlace,
  message: { readonly deviceId: string; readonly id: string },
  now: number,
): Media => {
  const { mimetype, filename, width, height, seconds, waveform, thumbnail, ...remote } = file
  return {
    id,
    deviceId: message.deviceId,
    messageId: message.id,
    source: 'whatsapp',
    state: 'waiting',
    sha256: Buffer.from(remote.fileSha256).toString('hex'),
    bytes: remote.bytes,
    mimetype,
    filename,
    width,
    height,
    seconds,
    waveform,
    thumbnail,
    remote,
    error: null,
    attempts: 0,
    dueAt,
    createdAt: now,
    storedAt: null,
    removedAt: null,
  }
}

export const mediaColumns = getTableColumns(media)

export const createMediaQueries = (db: Db) => {
  const byId = eq(media.id, param('id'))
  const select = directGet(db, mediaColumns, db.select(mediaColumns).from(media).where(byId))
  const insert = directWrite(db, db.insert(media).values(everyColumn(media)))
  const update = directWrite(
    db,
    db
      .update(media)
      .set(
        assign(
          media,
          'state',
          'sha256',
          'bytes',
          'remote',
          'attempts',
          'dueAt',
          'errorCode',
          'errorDetail',
          'storedAt',
          'removedAt',
        ),
      )
      .where(byId),
  )
  return {
    get: (id: string): Media | undefined => {
      const row = select({ id })
      return row === undefined ? undefined : toMedia(row)
    },
    insert: (file: Media): void => insert(toRow(file)),
    /** Writes its state, where it is, and what went wrong. */
    update: (file: Media): void => update(toRow(file)),
  }
}

export type MediaQueries = ReturnType<typeof createMediaQueries>

/** What is told of a file; one that belongs to no device is told to nobody. */
export const mediaEvents = (file: Media): NewEvent[] => {
  const { id: mediaId, deviceId, messageId: ofMessage, error } = file
  return deviceId === null
    ? []
    : [{ type: `media.${file.state}`, deviceId, data: { mediaId, ofMessage, ...error } }]
}
