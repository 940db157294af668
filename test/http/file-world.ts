/** Files that the HTTP API answers with. */
import { randomBytes } from 'node:crypto'
import type { MessageBody } from '../../src/domain/body.ts'
import type { NewMedia } from '../../src/store/media-store.ts'
import { info, remoteOf } from '../connector/media.ts'
import { putBytes } from '../media/memory-blobs.ts'
import { origin } from '../store/conformance/fixtures.ts'
import { linked, type Api } from './api.ts'

export const bytes = randomBytes(1_000)
/** An upload that is here. */
export const upload = async (
  api: Api,
  more: Partial<NewMedia> = {},
  of: Uint8Array = bytes,
): Promise<string> => {
  const sha256 = await putBytes(api.ctx.blobs, of)
  const file = {
    ...info,
    id: 'med_1',
    deviceId: null,
    source: 'upload',
    sha256,
    bytes: of.length,
    ...more,
  } as const
  await api.store.media.add(file, origin, api.clock.now())
  return sha256
}

/** A message that came with a file, which nobody has fetched. */
export const receive = async (
  api: Api,
  dueAt: number | null = null,
  thumbnail: Uint8Array | null = null,
): Promise<string> => {
  await linked(api)
  const message = await api.connector.receive('myphone', 'hi')
  const lease = await api.connector.ofDevice('myphone')
  const { stored } = await api.store.inbound.promote(
    lease,
    {
      deviceId: 'myphone',
      stanzaKey: 'file',
      promotion: {
        kind: 'message',
        message: {
          ...message,
          id: 'msg_file',
          whatsappId: 'WA-file',
          type: 'image',
          body: { type: 'image' } as MessageBody,
          content: null,
          error: null,
        },
        file: { ...remoteOf(bytes), ...info, thumbnail },
      },
      file: { id: 'med_in', dueAt },
    },
    origin,
    api.clock.now(),
  )
  if (stored === null) throw new Error('the message was not stored')
  return '/api/messages/msg_file'
}
