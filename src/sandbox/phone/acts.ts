import type { Context } from '../context.ts'
import { type Account, jidOf } from '../state/account.ts'
import { type Chat, chatName, isGroup } from '../state/groups.ts'
import type { ShownBody } from './body.ts'
import { bodyOf, type ChatLog, type ChatMessage, changesOf, contentOf } from './chat-log.ts'
import { type DecodedAct, decodeContent, wordsOf } from './kinds-decode.ts'
import { pollOf } from './poll.ts'
import { openVote } from './poll-vote.ts'

/** An act as it stands in the log, and why it changed nothing, if it did not. */
interface Applied {
  readonly body: ShownBody
  readonly refused: string | undefined
}

/** Who did it, when, and under which WhatsApp id. */
export interface Doing {
  readonly id: string
  readonly by: Account
  readonly chat: Chat
  /** ms since 1970. */
  readonly at: number
}

const secondMs = 1000
const bothAddressings = ['lid', 'pn'] as const

class Refused extends Error {}

/** Applies what people do to messages: who may, and what becomes of the message. `account` is whose phone it is. */
export const createActs = (context: Context, account: Account, log: ChatLog) => {
  /** The message that an act names, from the point of view of who acts. */
  const targetOf = ({ key }: DecodedAct, { by, chat }: Doing): ChatMessage | undefined => {
    const other = isGroup(chat)
      ? context.directory.find(key.participant ?? undefined)
      : by === account
        ? chat
        : account
    const author = key.fromMe === true ? by : other
    return author === undefined ? undefined : log.find(chatName(chat), author.number, key.id ?? '')
  }

  const mayDelete = (target: ChatMessage, { by, chat }: Doing): boolean =>
    target.sender === by.number || (isGroup(chat) && chat.admins.has(by))

  /** The poll's maker and the voter go into the key by one of their JIDs, as the chat names people. */
  const openedVote = (target: ChatMessage, sealed: Parameters<typeof openVote>[2], by: Account): string[] => {
    const poll = pollOf(target.id, contentOf(target))
    const creator = context.directory.accounts.get(target.sender)
    if (poll === undefined || creator === undefined) throw new Refused('it is no poll')
    for (const ofCreator of bothAddressings) {
      for (const ofVoter of bothAddressings) {
        try {
          return openVote(
            poll,
            { creator: jidOf(creator, 0, ofCreator), voter: jidOf(by, 0, ofVoter) },
            sealed,
          )
        } catch {
          // Sealed with other names of the two.
        }
      }
    }
    throw new Refused('the vote cannot be decrypted')
  }

  const apply = (target: ChatMessage, act: DecodedAct['act'], doing: Doing): object => {
    const { by, at } = doing
    const changes = changesOf(target)
    switch (act.type) {
      case 'reaction':
        if (act.emoji === '') changes.reactions.delete(by.number)
        else changes.reactions.set(by.number, act.emoji)
        return { emoji: act.emoji }
      case 'edit': {
        if (target.sender !== by.number) throw new Refused('only the author edits a message')
        const before = bodyOf(target)
        const after = decodeContent(act.content)
        if (before === null || after.kind !== 'content') throw new Refused('there is nothing to edit')
        const words = wordsOf(after.body)
        const { messageContextInfo } = contentOf(target)
        const isText = before.type === 'text'
        target.content = { ...act.content, ...(messageContextInfo ? { messageContextInfo } : {}) }
        target.body = { ...before, [isText ? 'text' : 'caption']: words }
        const textBefore = target.text
        target.text = words
        return { text: words, textBefore }
      }
      case 'delete':
        if (!mayDelete(target, doing)) throw new Refused('only the author and admins delete a message')
        changes.deletedBy = by.number
        target.text = ''
        return {}
      case 'pin':
        changes.pinnedUntil = act.seconds === 0 ? undefined : at + act.seconds * secondMs
        return { seconds: act.seconds }
      case 'vote': {
        const options = openedVote(target, act.sealed, by)
        changes.votes.set(by.number, options)
        return { options }
      }
      default:
        return act satisfies never
    }
  }

  /** What can be said of an act that changes nothing. */
  const detailOf = (act: DecodedAct['act']): object => {
    if (act.type === 'reaction') return { emoji: act.emoji }
    if (act.type === 'pin') return { seconds: act.seconds }
    const edit = act.type === 'edit' ? decodeContent(act.content) : undefined
    return edit?.kind === 'content' ? { text: wordsOf(edit.body) } : {}
  }

  return {
    apply(decoded: DecodedAct, doing: Doing): Applied {
      const { id, by, at } = doing
      const { type } = decoded.act
      const messageId = decoded.key.id ?? ''
      try {
        const target = targetOf(decoded, doing)
        if (target === undefined) throw new Refused('there is no such message')
        if (target.changes?.history.some((change) => change.id === id && change.by === by.number) === true) {
          return { body: { type, messageId, ...detailOf(decoded.act) }, refused: undefined }
        }
        const detail = apply(target, decoded.act, doing)
        changesOf(target).history.push({ id, type, by: by.number, at, ...detail })
        const { textBefore: _before, ...shown } = detail as { textBefore?: string }
        return { body: { type, messageId, ...shown }, refused: undefined }
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        context.counters.actsRefused++
        return { body: { type, messageId, ...detailOf(decoded.act) }, refused: error.message }
      }
    },
  }
}

export type Acts = ReturnType<typeof createActs>
