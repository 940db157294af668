/** Files that come with messages, or wait to be sent with one. */

import type { BodyType, MediaRef } from './body.ts'

export type MediaSource = 'upload' | 'base64' | 'url' | 'whatsapp'
export const mediaSources: readonly MediaSource[] = ['upload', 'base64', 'url', 'whatsapp']

/**
 * `waiting` to be fetched from WhatsApp; `stored`; `failed`: it could not be had; `removed`: it was stored once, and its
 * time was up or somebody has deleted it.
 */
export type MediaState = 'waiting' | 'stored' | 'failed' | 'removed'
export const mediaStates: readonly MediaState[] = ['waiting', 'stored', 'failed', 'removed']

/** What WhatsApp takes a file for: it goes into its keys (Baileys, Defaults `MEDIA_HKDF_KEY_MAPPING`). */
export type RemoteKind = 'image' | 'video' | 'audio' | 'document' | 'sticker'

const remoteKinds: Partial<Readonly<Record<BodyType, RemoteKind>>> = {
  image: 'image',
  video: 'video',
  gif: 'video',
  round_video: 'video',
  audio: 'audio',
  voice: 'audio',
  document: 'document',
  sticker: 'sticker',
}

/** What the file of a message of this type is sent as; undefined for types that have none. */
export const remoteKindOf = (type: BodyType): RemoteKind | undefined => remoteKinds[type]

/** A file at WhatsApp's media hosts. */
export interface RemoteFile {
  readonly kind: RemoteKind
  readonly url: string
  readonly directPath: string
  readonly mediaKey: Uint8Array
  /** Seconds. */
  readonly mediaKeyTimestamp: number
  readonly fileSha256: Uint8Array
  readonly fileEncSha256: Uint8Array
  /** Of the plain file. */
  readonly bytes: number
}

/** What is known of a file itself; null where it does not apply, or nobody knows. */
export interface FileInfo {
  readonly mimetype: string
  readonly filename: string | null
  readonly width: number | null
  readonly height: number | null
  readonly seconds: number | null
  /** 64 numbers of 0 to 100. */
  readonly waveform: readonly number[] | null
  /** JPEG. */
  readonly thumbnail: Uint8Array | null
}

/** A file as a message that came in describes it. */
export type ReceivedFile = RemoteFile & FileInfo

/** A file that the gateway knows of. All times are wall-clock ms. */
export interface Media extends FileInfo {
  /** `med_…`, the `uploadId` of bodies. */
  readonly id: string
  /** Null for one that any device may send. */
  readonly deviceId: string | null
  /** Of one that came with a message: that message's id. */
  readonly messageId: string | null
  readonly source: MediaSource
  readonly state: MediaState
  /** Hex; of one that is not stored, what the sender says, which may be nothing. */
  readonly sha256: string
  readonly bytes: number
  readonly remote: RemoteFile | null
  readonly error: { readonly code: string; readonly detail: string } | null
  /** To fetch it, since it was asked for last. */
  readonly attempts: number
  /** Of one that waits: when it is fetched next; null when nobody has asked for it. */
  readonly dueAt: number | null
  readonly createdAt: number
  readonly storedAt: number | null
  readonly removedAt: number | null
}

/** What a body says of a file; of one that is still to come its sender may have told less. */
export const mediaRef = ({ id, bytes, sha256, width, height, seconds }: Media): MediaRef => ({
  uploadId: id,
  ...(bytes === 0 ? {} : { bytes }),
  ...(sha256 === '' ? {} : { sha256 }),
  ...(width === null ? {} : { width }),
  ...(height === null ? {} : { height }),
  ...(seconds === null ? {} : { seconds }),
})
