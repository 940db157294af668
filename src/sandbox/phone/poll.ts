import { normalizeMessageContent, type proto } from '@whiskeysockets/baileys'
import type { Poll } from './poll-vote.ts'

export const creationOf = (content: proto.IMessage): proto.Message.IPollCreationMessage | undefined =>
  content.pollCreationMessage ?? content.pollCreationMessageV2 ?? content.pollCreationMessageV3 ?? undefined

/** The poll that a message is, with its secret; undefined when it is none, or has none. */
export const pollOf = (id: string, message: proto.IMessage): Poll | undefined => {
  const content = normalizeMessageContent(message) ?? message
  const secret = message.messageContextInfo?.messageSecret ?? content.messageContextInfo?.messageSecret
  const creation = creationOf(content)
  if (creation === undefined || !secret) return undefined
  return { id, secret, options: (creation.options ?? []).map(({ optionName }) => optionName ?? '') }
}
