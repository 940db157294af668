import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { Origin } from '../domain/audit.ts'
import type { Random } from '../domain/backoff.ts'
import { parseJid, partyJid } from '../domain/jid.ts'
import { type Lease, StaleLeaseError } from '../domain/lease.ts'
import { afterFailedFetch, type AfterFetch, type FetchFailure } from '../domain/media-fetch.ts'
import type { Media, RemoteFile } from '../domain/media.ts'
import type { BlobStore } from '../media/blobs.ts'
import type { CheckRoom } from '../media/room.ts'
import type { Clock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { startLoop } from '../runtime/loop.ts'
import { inTurn, type Turns } from '../runtime/turns.ts'
import type { Store } from '../store/store.ts'
import { type FileOwner, MediaError, type WhatsAppSocket } from '../whatsapp/socket.ts'

export interface MediaFetcherOptions {
  readonly store: Pick<Store, 'media' | 'messages'>
  readonly blobs: BlobStore
  readonly deviceId: string
  readonly lease: Lease
  readonly isHeld: () => boolean
  readonly socket: Pick<WhatsAppSocket, 'download' | 'askForFile'>
  readonly clock: Clock
  readonly random: Random
  readonly origin: () => Origin
  /** Shared by all devices: how many files come at a time. */
  readonly turns: Turns
  readonly checkRoom: CheckRoom
  /** The longest that a file may be. */
  readonly bytesMax: number
  readonly onLost: () => void
  readonly log: Log
}

export interface MediaFetcher {
  poke(): void
  /** Begins nothing more; resolves when what is under way has ended, which it does with the socket. */
  stop(): Promise<void>
}

/** Of one device; a file that waits for the phone has no turn. */
const inFlightMax = 16
/** What arrives or is asked for pokes it, and what is due later wakes it: this is for what was missed. */
const pollMs = 30_000
const phoneTimeoutMs = 30_000

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

class FetchError extends Error {
  override readonly name = 'FetchError'
  readonly failure: FetchFailure
  constructor(failure: FetchFailure, cause: unknown) {
    super(wordsOf(cause), { cause })
    this.failure = failure
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof MediaError && (error.code === 'gone' || error.code === 'forbidden')

const failureOf = (error: unknown): FetchFailure => {
  if (error instanceof FetchError) return error.failure
  if (!(error instanceof MediaError)) return 'not_kept'
  // Of a path that the phone has only just given.
  return error.code === 'gone' || error.code === 'forbidden' ? 'unreachable' : error.code
}

/** Brings the files that came with messages into the media store, over one open socket. */
export const startMediaFetcher = (options: MediaFetcherOptions): MediaFetcher => {
  const {
    store,
    blobs,
    deviceId,
    lease,
    isHeld,
    socket,
    clock,
    random,
    origin,
    turns,
    checkRoom,
    bytesMax,
    onLost,
    log,
  } = options
  const inFlight = new Map<string, Promise<void>>()
  let stopped = false

  const bring = async (remote: RemoteFile): Promise<AfterFetch> => {
    const target = path.join(blobs.spool, newId('fetch', clock.now()))
    try {
      const { bytes, sha256 } = await inTurn(turns, async () => {
        await checkRoom(remote.bytes)
        return socket.download(remote, target, bytesMax)
      })
      await blobs.put(target, sha256)
      return { state: 'stored', sha256, bytes }
    } finally {
      await rm(target, { force: true })
    }
  }

  const ownerOf = async ({ id, messageId }: Media): Promise<FileOwner> => {
    const message = messageId === null ? undefined : await store.messages.get(messageId)
    if (message === undefined) throw new FetchError('gone', `the message of file ${id} is not here any more`)
    const { whatsappId, direction, chat, sender } = message
    const remoteJid = partyJid(chat)
    const fromMe = direction === 'outbound'
    return {
      id: whatsappId,
      remoteJid,
      fromMe,
      ...(parseJid(remoteJid)?.kind === 'group' && !fromMe ? { participant: partyJid(sender) } : {}),
    }
  }

  /** Media hosts forget files after some weeks; the phone has them still. */
  const renewed = async (file: Media, remote: RemoteFile): Promise<RemoteFile> => {
    const owner = await ownerOf(file)
    try {
      const directPath = await socket.askForFile(owner, remote.mediaKey, phoneTimeoutMs)
      return { ...remote, directPath, url: '' }
    } catch (error) {
      throw new FetchError(isGone(error) ? 'gone' : 'no_phone', error)
    }
  }

  const fetchFile = async (file: Media): Promise<AfterFetch> => {
    const { remote } = file
    if (remote === null) throw new FetchError('gone', 'nobody knows where the file is')
    try {
      return await bring(remote)
    } catch (error) {
      if (!isGone(error)) throw error
    }
    const moved = await renewed(file, remote)
    await store.media.moved(lease, file.id, moved)
    return bring(moved)
  }

  const attempt = async (file: Media): Promise<void> => {
    let after: AfterFetch
    try {
      after = await fetchFile(file)
    } catch (error) {
      if (error instanceof StaleLeaseError) throw error
      // What the end of the socket has cut off is no failed attempt: the row is due as it was.
      if (stopped || !isHeld()) return
      const failure = failureOf(error)
      after = afterFailedFetch(failure, wordsOf(error), file.attempts + 1, clock.now(), random)
      log.debug({ device: deviceId, media: file.id, failure, state: after.state }, 'file was not fetched')
    }
    await store.media.fetched(lease, file.id, after, origin(), clock.now())
  }

  const attemptSafely = async (file: Media): Promise<void> => {
    let recorded = false
    try {
      await attempt(file)
      recorded = true
    } catch (error) {
      if (error instanceof StaleLeaseError) onLost()
      else log.error({ device: deviceId, media: file.id, err: error }, 'fetch was not recorded')
    }
    inFlight.delete(file.id)
    // One whose outcome could not be written would only be fetched again at once.
    if (recorded) loop.poke()
  }

  const loop = startLoop({
    pollMs,
    async tick() {
      if (inFlight.size >= inFlightMax || !isHeld()) return undefined
      const now = clock.now()
      const next = await store.media.nextDue(deviceId)
      if (next === null) return undefined
      // Those under way are due as long as they are.
      const due = await store.media.due(deviceId, now, 2 * inFlightMax)
      const idle = due.filter(({ id }) => !inFlight.has(id)).slice(0, inFlightMax - inFlight.size)
      for (const file of idle) {
        const run = attemptSafely(file)
        inFlight.set(file.id, run)
      }
      return next > now ? next - now : undefined
    },
    onError: (error) => log.error({ device: deviceId, err: error }, 'media tick failed'),
  })

  return {
    poke: () => loop.poke(),
    async stop() {
      stopped = true
      await loop.stop()
      await Promise.all(inFlight.values())
    },
  }
}
