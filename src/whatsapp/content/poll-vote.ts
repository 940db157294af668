/**
 * A vote in a poll: the SHA-256 of each chosen option, encrypted under the poll's secret so that the server reads neither
 * (Baileys, Utils/process-message.ts `decryptPollVote`).
 */
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'

export interface VoteContext {
  /** The poll's WhatsApp id. */
  readonly pollId: string
  /** The JID of who made it, and of who votes, without devices. */
  readonly creator: string
  readonly voter: string
  /** Of the poll: 32 bytes. */
  readonly secret: Uint8Array
}

const tagBytes = 16

const keyOf = ({ pollId, creator, voter, secret }: VoteContext): Buffer => {
  const inner = createHmac('sha256', Buffer.alloc(32)).update(secret).digest()
  const info = Buffer.concat([Buffer.from(`${pollId}${creator}${voter}Poll Vote`), Buffer.from([1])])
  return createHmac('sha256', inner).update(info).digest()
}

const associated = ({ pollId, voter }: VoteContext): Buffer => Buffer.from(`${pollId}\0${voter}`)

const optionHash = (option: string): Buffer => createHash('sha256').update(option).digest()

/** `nonce` is 12 bytes that were never used before. */
export const encryptVote = (
  options: readonly string[],
  context: VoteContext & { readonly nonce: Uint8Array },
): proto.Message.IPollEncValue => {
  const cipher = createCipheriv('aes-256-gcm', keyOf(context), context.nonce).setAAD(associated(context))
  const plaintext = proto.Message.PollVoteMessage.encode({
    selectedOptions: options.map(optionHash),
  }).finish()
  return {
    encPayload: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]),
    encIv: context.nonce,
  }
}

/** The options that a vote chooses, of those that the poll has; undefined when it cannot be read with this context. */
export const decryptVote = (
  { encPayload, encIv }: proto.Message.IPollEncValue,
  context: VoteContext,
  options: readonly string[],
): readonly string[] | undefined => {
  if (!encPayload || !encIv || encPayload.length < tagBytes) return undefined
  const payload = Buffer.from(encPayload)
  const decipher = createDecipheriv('aes-256-gcm', keyOf(context), encIv)
    .setAAD(associated(context))
    .setAuthTag(payload.subarray(-tagBytes))
  try {
    const plaintext = Buffer.concat([decipher.update(payload.subarray(0, -tagBytes)), decipher.final()])
    const { selectedOptions } = proto.Message.PollVoteMessage.decode(plaintext)
    const chosen = new Set(selectedOptions.map((hash) => Buffer.from(hash).toString('hex')))
    return options.filter((option) => chosen.has(optionHash(option).toString('hex')))
  } catch {
    return undefined
  }
}
