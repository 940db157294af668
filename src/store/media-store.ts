import type { Origin } from '../domain/audit.ts'
import type { Lease } from '../domain/lease.ts'
import type { FileInfo, Media, MediaSource, RemoteFile, RemoteKind } from '../domain/media.ts'
import type { AfterFetch } from '../domain/media-fetch.ts'

/** A file that somebody has given to the gateway; its bytes are kept already. */
export interface NewMedia extends FileInfo {
  readonly id: string
  /** Null when any device may send it. */
  readonly deviceId: string | null
  readonly source: Exclude<MediaSource, 'whatsapp'>
  readonly sha256: string
  readonly bytes: number
}

/** Files that the gateway knows of; those of messages that come in are written with them (`inbound.promote`). */
export interface MediaStore {
  add(media: NewMedia, origin: Origin, now: number): Promise<Media>
  get(id: string): Promise<Media | undefined>
  /** Files of the device that wait and are due, most urgent first. */
  due(deviceId: string, now: number, limit: number): Promise<readonly Media[]>
  /** When the next one is due; null when there is none. */
  nextDue(deviceId: string): Promise<number | null>
  /** Writes what an attempt to fetch a file came to. Ignored when the file does not wait any more. */
  fetched(lease: Lease, id: string, after: AfterFetch, origin: Origin, now: number): Promise<void>
  /** Keeps where the phone has put it now. */
  moved(lease: Lease, id: string, remote: RemoteFile): Promise<void>
  /**
   * Has a file of a message fetched now, with a fresh allowance of attempts, also one that has failed or was removed, or that
   * was `lost` here. One that is here, or never was at WhatsApp, is left alone. Undefined when there is no such file.
   */
  fetch(id: string, lost: boolean, origin: Origin, now: number): Promise<Media | undefined>
  /** Throws `media_in_use` when a message that is not sent yet needs it. Undefined when there is no such file. */
  remove(id: string, origin: Origin, now: number): Promise<Media | undefined>
  /**
   * Removes the files that were stored before `before`, oldest first, `limit` at most, and no more when they had `bytes`
   * together; those that a message needs which is not sent yet stay. Resolves with what was removed.
   */
  removeOldest(
    lease: Lease,
    input: { readonly before: number; readonly limit: number; readonly bytes?: number },
    origin: Origin,
    now: number,
  ): Promise<readonly Media[]>
  /** Those of the hashes (hex) that a stored file has. */
  kept(hashes: readonly string[]): Promise<ReadonlySet<string>>

  /** Where WhatsApp has a file of ours, and since when. */
  uploaded(
    deviceId: string,
    sha256: string,
    kind: RemoteKind,
  ): Promise<{ readonly remote: RemoteFile; readonly uploadedAt: number } | undefined>
  keepUpload(lease: Lease, deviceId: string, sha256: string, remote: RemoteFile, now: number): Promise<void>
  /** Forgets uploads that are older than `before`. Resolves with how many there were. */
  forgetUploads(deviceId: string, before: number): Promise<number>
}
