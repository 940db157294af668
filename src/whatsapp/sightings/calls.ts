import type { BinaryNode } from '@whiskeysockets/baileys'
import type { CallNews, Sighting } from '../../domain/event.ts'
import { type Party, partyOf } from '../../domain/jid.ts'
import { eventParty, shownChat } from '../../domain/sighting.ts'
import { boundedMap } from '../caches.ts'
import type { Me } from '../inbound.ts'
import { childOf, childrenOf, isGroup, isMe, isNobody, personOf } from './nodes.ts'

/** Calls of one connection that are remembered. */
const callsMax = 1_000

interface Call {
  readonly caller: Party
  readonly chat: Party
  readonly video: boolean | null
  readonly group: boolean | null
  readonly told: ReadonlySet<CallNews>
}

/** After one of these there is no more to say. */
const lastNews: readonly CallNews[] = ['rejected', 'missed', 'ended']

const newsOf = ({ tag, attrs }: BinaryNode): CallNews | undefined => {
  switch (tag) {
    case 'offer':
    case 'offer_notice':
      return 'received'
    case 'accept':
      return 'accepted'
    case 'reject':
      return 'rejected'
    case 'terminate':
      return attrs['reason'] === 'timeout' ? 'missed' : 'ended'
    default:
      return undefined
  }
}

/** By an offer; undefined when the stanza is none. */
const offered = (part: BinaryNode): Pick<Call, 'video' | 'group'> => {
  const { tag, attrs } = part
  if (tag !== 'offer' && tag !== 'offer_notice') return { video: null, group: null }
  return {
    video: childOf(part, 'video') !== undefined || attrs['media'] === 'video',
    group: attrs['type'] === 'group' || attrs['group-jid'] !== undefined,
  }
}

/**
 * What the `<call>` stanzas of one connection tell, each step of a call once. Only the offer says what kind of call it is, so
 * the calls are remembered.
 */
export const createCalls = () => {
  const calls = boundedMap<Call>(callsMax)

  const begun = (part: BinaryNode, from: string | undefined): Call | undefined => {
    const { attrs } = part
    const creator = personOf(attrs['call-creator'], attrs['caller_pn'], attrs['caller_lid'])
    const caller = isNobody(creator) ? personOf(from, attrs['caller_pn']) : creator
    if (isNobody(caller)) return undefined
    const group = [attrs['group-jid'], from].find(isGroup)
    return { caller, chat: group === undefined ? caller : partyOf(group), ...offered(part), told: new Set() }
  }

  return {
    sightings(stanza: BinaryNode, me: Me): readonly Sighting[] {
      return childrenOf(stanza).flatMap((part): readonly Sighting[] => {
        const callId = part.attrs['call-id']
        const news = newsOf(part)
        if (callId === undefined || news === undefined) return []
        const call = calls.get(callId) ?? begun(part, stanza.attrs['from'])
        // What the owner calls is no call that comes.
        if (call === undefined || isMe(call.caller, me)) return []
        if (call.told.has(news) || lastNews.some((last) => call.told.has(last))) return []
        calls.set(callId, { ...call, told: new Set([...call.told, news]) })
        const { caller, chat, video, group } = call
        return [
          {
            type: `call.${news}`,
            data: { callId, ...shownChat(chat), from: eventParty(caller), video, group },
          },
        ]
      })
    },
  }
}
