import { GatewayError } from '../domain/errors.ts'
import type { Media } from '../domain/media.ts'
import type { ControlContext } from './context.ts'
import { getMessage } from './get-message.ts'

export const getFile = async ({ store }: ControlContext, input: { id: string }): Promise<Media> => {
  const file = await store.media.get(input.id)
  if (file === undefined) throw new GatewayError('media_not_found', 'there is no file of this id')
  return file
}

/** The file of a message, whoever wrote it. */
export const getMessageFile = async (ctx: ControlContext, input: { id: string }): Promise<Media> => {
  const { body } = await getMessage(ctx, input)
  if (body === null || !('media' in body)) {
    throw new GatewayError('media_not_found', 'the message has no file')
  }
  return getFile(ctx, { id: body.media.uploadId })
}

const howToAsk = ({ messageId }: Media): string =>
  messageId === null ? '' : `; POST /api/messages/${messageId}/media/retry has it fetched`

/** Refuses a file whose bytes are not here, and says why. Resolves with how many there are. */
export const checkReadable = async ({ blobs }: ControlContext, file: Media): Promise<number> => {
  const { state, error, dueAt, sha256 } = file
  switch (state) {
    case 'waiting':
      throw new GatewayError(
        'media_waiting',
        dueAt === null
          ? `the file is not fetched by itself${howToAsk(file)}`
          : `the file is being fetched from WhatsApp${error === null ? '' : `; the last attempt failed: ${error.detail}`}`,
      )
    case 'failed':
      throw new GatewayError(
        'media_failed',
        `the file could not be fetched: ${error?.detail ?? 'no reason is known'}${howToAsk(file)} again`,
      )
    case 'removed':
      throw new GatewayError('media_removed', `the file was removed${howToAsk(file)} again`)
    case 'stored': {
      const bytes = await blobs.size(sha256)
      if (bytes !== undefined) return bytes
      throw new GatewayError('media_removed', `the bytes of the file are lost here${howToAsk(file)} again`)
    }
  }
}
