import type { Context } from '../context.ts'
import { attr, children, element, type Node } from '../protocol/node.ts'
import { routeChatstate } from '../session/router.ts'
import { type Account, jidOf } from '../state/account.ts'
import type { Chat } from '../state/groups.ts'
import { chatJid } from './sending.ts'

export type ChatstateName = 'composing' | 'recording' | 'paused'

/** Somebody began or stopped typing. */
export interface Chatstate {
  /** JID of the person. */
  readonly from: string
  /** JID of the chat. */
  readonly chat: string
  readonly state: ChatstateName
  /** ms since 1970. */
  readonly at: number
}

const seenMax = 100

/** Typing, as a phone sees and does it. */
export const createChatstates = (context: Context, account: Account) => {
  const seen: Chatstate[] = []
  return {
    seen,
    take(stanza: Node): void {
      const chat = context.groups.find(attr(stanza, 'from'))
      const from = context.directory.find(attr(stanza, 'participant') ?? attr(stanza, 'from'))
      const [state] = children(stanza)
      if (from === undefined || state === undefined) return
      const isRecording = state.tag === 'composing' && attr(state, 'media') === 'audio'
      const name = isRecording ? 'recording' : state.tag === 'composing' ? 'composing' : 'paused'
      seen.push({ from: jidOf(from), chat: chat?.jid ?? jidOf(from), state: name, at: context.clock.now() })
      if (seen.length > seenMax) seen.shift()
    },
    send(to: Chat, state: ChatstateName): void {
      const inside = state === 'recording' ? element('composing', { media: 'audio' }) : element(state)
      routeChatstate(
        context,
        { account, device: 0 },
        element('chatstate', { to: chatJid(to, 'lid') }, [inside]),
      )
    },
  }
}
