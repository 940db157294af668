import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { WASocket } from '@whiskeysockets/baileys'
import type { RemoteFile } from '../../domain/media.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { WhatsAppSocket } from '../socket.ts'
import { askPhone, type PhoneLink } from './ask-phone.ts'
import { downloadFile } from './download.ts'
import { MediaError } from './errors.ts'
import { createHostBook } from './hosts.ts'
import type { MediaHttp } from './http.ts'
import { sealFile } from './seal.ts'
import { uploadFile } from './upload.ts'

/** The longest that one file may take, whatever its size: a host that sends a byte now and then is none. */
const transferMaxMs = 30 * 60 * 1_000
const secondMs = 1_000

interface TransferOptions {
  readonly http: MediaHttp
  readonly sock: Pick<WASocket, 'query' | 'sendNode' | 'authState' | 'ws'>
  /** Resolves, with why, when the socket is gone. */
  readonly gone: Promise<string>
  readonly clock: Clock
}

/** Files from and to WhatsApp's media hosts, for as long as the socket lives. */
export const createTransfers = ({
  http,
  sock,
  gone,
  clock,
}: TransferOptions): Pick<WhatsAppSocket, 'upload' | 'download' | 'askForFile'> => {
  const book = createHostBook({
    query: (iq, timeoutMs) => sock.query(iq, timeoutMs),
    now: () => clock.monotonic(),
  })
  const phone: PhoneLink = {
    ws: sock.ws,
    sendNode: (node) => sock.sendNode(node),
    me: () => sock.authState.creds.me?.id ?? '',
    gone,
  }
  const ended = new AbortController()
  void gone.then((why) => ended.abort(new MediaError('unreachable', why)))
  /** Ends with the socket, or when its time is up. */
  const during = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const late = AbortSignal.timeout(transferMaxMs)
    try {
      return await work(AbortSignal.any([ended.signal, late]))
    } catch (error) {
      if (ended.signal.aborted) throw ended.signal.reason
      if (late.aborted) throw new MediaError('unreachable', `it took longer than ${transferMaxMs} ms`)
      throw error
    }
  }

  return {
    upload: ({ open, sha256, kind, spool }) =>
      during(async (signal): Promise<RemoteFile> => {
        const file = path.join(spool, `sealed-${randomBytes(16).toString('hex')}`)
        try {
          const sealed = await sealFile(await open(), file, kind)
          if (Buffer.from(sealed.fileSha256).toString('hex') !== sha256) {
            throw new MediaError('corrupt', 'the file is not what it was when it was stored')
          }
          const uploaded = await uploadFile({ http, book }, file, sealed.fileEncSha256, kind, signal)
          return { ...sealed, ...uploaded, kind, mediaKeyTimestamp: Math.floor(clock.now() / secondMs) }
        } finally {
          await rm(file, { force: true })
        }
      }),
    download: (remote, target, bytesMax) =>
      during((signal) => downloadFile({ http, book }, remote, target, bytesMax, signal)),
    askForFile: (key, mediaKey, timeoutMs) => askPhone(phone, key, mediaKey, timeoutMs),
  }
}
