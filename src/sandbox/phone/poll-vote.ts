/** Votes: hashes of the options, under a key that comes of the poll's secret (Baileys, process-message.ts `decryptPollVote`). */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { proto } from '@whiskeysockets/baileys'

export interface Poll {
  readonly id: string
  readonly secret: Uint8Array
  readonly options: readonly string[]
}

/** Who made the poll and who votes, by the JIDs that the chat names them by. */
export interface VoteParties {
  readonly creator: string
  readonly voter: string
}

const keyBytes = 32
const ivBytes = 12
const tagBytes = 16

const keyOf = ({ id, secret }: Poll, { creator, voter }: VoteParties): Buffer =>
  Buffer.from(
    hkdfSync('sha256', secret, Buffer.alloc(keyBytes), `${id}${creator}${voter}Poll Vote`, keyBytes),
  )

const additional = ({ id }: Poll, { voter }: VoteParties): Buffer => Buffer.from(`${id}\0${voter}`)

const hashOf = (option: string): Buffer => createHash('sha256').update(option).digest()

export const sealVote = (
  poll: Poll,
  parties: VoteParties,
  chosen: readonly string[],
): proto.Message.IPollEncValue => {
  const encIv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', keyOf(poll, parties), encIv).setAAD(additional(poll, parties))
  const plaintext = proto.Message.PollVoteMessage.encode({ selectedOptions: chosen.map(hashOf) }).finish()
  return { encPayload: Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]), encIv }
}

/** The options that were chosen. @throws Error when it was sealed for others, or names an option that the poll has not */
export const openVote = (
  poll: Poll,
  parties: VoteParties,
  { encPayload, encIv }: proto.Message.IPollEncValue,
): string[] => {
  if (!encPayload || encIv?.length !== ivBytes) throw new Error('the vote is not whole')
  const decipher = createDecipheriv('aes-256-gcm', keyOf(poll, parties), encIv)
    .setAAD(additional(poll, parties))
    .setAuthTag(encPayload.subarray(-tagBytes))
  const plaintext = Buffer.concat([decipher.update(encPayload.subarray(0, -tagBytes)), decipher.final()])
  return proto.Message.PollVoteMessage.decode(plaintext).selectedOptions.map((hash) => {
    const option = poll.options.find((each) => hashOf(each).equals(hash))
    if (option === undefined) throw new Error('the vote names an option that the poll has not')
    return option
  })
}
