import type { Lease } from '../domain/lease.ts'
import type { Media, RemoteFile, RemoteKind } from '../domain/media.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { CheckRoom } from '../media/room.ts'
import type { Clock } from '../runtime/clock.ts'
import { inTurn, type Turns } from '../runtime/turns.ts'
import type { MediaStore } from '../store/store.ts'
import type { WhatsAppSocket } from '../whatsapp/socket.ts'

/** WhatsApp's media hosts keep a file for a month or so. What is older is uploaded again. */
export const uploadKeptMs = 14 * 24 * 60 * 60 * 1_000

interface UploadOptions {
  readonly media: MediaStore
  readonly blobs: BlobStore
  readonly socket: Pick<WhatsAppSocket, 'upload'>
  readonly deviceId: string
  readonly lease: Lease
  readonly clock: Clock
  /** Shared by all devices: how many files leave at a time. */
  readonly turns: Turns
  readonly checkRoom: CheckRoom
}

/** Where WhatsApp has a file that is stored here. Rejects as `WhatsAppSocket.upload` and the store do. */
export type Upload = (file: Pick<Media, 'sha256' | 'bytes'>, kind: RemoteKind) => Promise<RemoteFile>

/** The same bytes are uploaded once, however many messages go with them, and however many at the same time. */
export const createUploads = (options: UploadOptions): Upload => {
  const { media, blobs, socket, deviceId, lease, clock, turns, checkRoom } = options
  const running = new Map<string, Promise<RemoteFile>>()

  const provide = async ({ sha256, bytes }: Parameters<Upload>[0], kind: RemoteKind): Promise<RemoteFile> => {
    const now = clock.now()
    const known = await media.uploaded(deviceId, sha256, kind)
    if (known !== undefined && Math.abs(now - known.uploadedAt) < uploadKeptMs) return known.remote
    const open = () => blobs.open(sha256)
    const remote = await inTurn(turns, async () => {
      await checkRoom(bytes)
      return socket.upload({ open, sha256, kind, spool: blobs.spool })
    })
    await media.keepUpload(lease, deviceId, sha256, remote, clock.now())
    return remote
  }

  return (file, kind) => {
    const name = `${kind} ${file.sha256}`
    const under = running.get(name)
    if (under !== undefined) return under
    const work = provide(file, kind).finally(() => running.delete(name))
    running.set(name, work)
    return work
  }
}
