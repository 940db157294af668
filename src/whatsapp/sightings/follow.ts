import type { BaileysEventEmitter, BinaryNode, SignalKeyStore } from '@whiskeysockets/baileys'
import type { Sighting } from '../../domain/event.ts'
import { partyOf } from '../../domain/jid.ts'
import { eventParty } from '../../domain/sighting.ts'
import { type Me, senderAddresses } from '../inbound.ts'
import { seeBeforeBuffer } from '../listeners.ts'
import {
  assignmentSightings,
  chatSightings,
  contactSightings,
  goneSightings,
  historySighting,
  labelSighting,
} from './account-state.ts'
import { createCalls } from './calls.ts'
import { groupSightings } from './groups.ts'
import { isMe } from './nodes.ts'
import { presenceSightings, profileSightings } from './people.ts'
import { createPushNames } from './push-names.ts'

/** What of the account's state comes at once beyond this is no change of a person's, but the state read anew. */
export const stateChangesMax = 200

interface Stanzas {
  on(event: string, listener: (node: BinaryNode) => void): unknown
}

export interface FollowOptions {
  readonly ws: Stanzas
  readonly ev: Pick<BaileysEventEmitter, 'emit'>
  readonly keys: SignalKeyStore
  readonly me: () => Me
  /** Has the account's state been read since the link? Until then, what comes of it is how things are, and no change. */
  readonly hasState: () => boolean
  /** Given at once; never empty. */
  readonly tell: (sightings: readonly Sighting[]) => void
  /** So many changes of the account's state were not told. */
  readonly onLeftOut: (changes: number) => void
  /** Nothing here ends a socket. */
  readonly onError: (error: unknown) => void
}

/** The action of the account's state that empties a chat. Baileys has no event for it. */
const clearAction = 'clearChat'

/**
 * Tells what is seen on an account beside messages. What people do is read from their stanzas; what the owner does on the
 * phone, and the history, from Baileys' events, which alone can read them.
 */
export const followSightings = (options: FollowOptions) => {
  const { ws, ev, keys, me, hasState, tell, onLeftOut, onError } = options
  const calls = createCalls()
  const names = createPushNames(keys)

  const safely =
    <T>(handle: (given: T) => void): ((given: T) => void) =>
    (given) => {
      try {
        handle(given)
      } catch (error) {
        onError(error)
      }
    }
  const follow = (event: string, sightingsOf: (node: BinaryNode) => readonly Sighting[]): void => {
    ws.on(
      event,
      safely((node: BinaryNode) => {
        const sightings = sightingsOf(node)
        if (sightings.length > 0) tell(sightings)
      }),
    )
  }

  const tellName = async ({ attrs }: BinaryNode): Promise<void> => {
    const pushName = attrs['notify']
    const person = partyOf(...senderAddresses(attrs, me()))
    const id = person.lid ?? person.pn
    if (pushName === undefined || pushName === '' || id === null || isMe(person, me())) return
    if (!(await names.isNew(id, pushName))) return
    tell([{ type: 'contact.updated', data: { contact: eventParty(person), pushName } }])
  }

  follow('CB:notification', (node) => [...groupSightings(node, me()), ...profileSightings(node, me())])
  follow('CB:presence', (node) => presenceSightings(node, me()))
  follow('CB:chatstate', (node) => presenceSightings(node, me()))
  follow('CB:call', (node) => calls.sightings(node, me()))
  ws.on('CB:message', (node) => void tellName(node).catch(onError))

  let changes: Sighting[] = []
  const flush = safely<void>(() => {
    const told = changes
    changes = []
    if (told.length > stateChangesMax) onLeftOut(told.length)
    else tell(told)
  })
  /** Baileys gives the changes of one patch one by one, in one turn of the event loop. */
  const note = (sightings: readonly Sighting[]): void => {
    if (sightings.length === 0 || !hasState()) return
    if (changes.length === 0) queueMicrotask(flush)
    changes.push(...sightings)
  }
  seeBeforeBuffer(ev, {
    'contacts.upsert': safely((contacts) => note(contactSightings(contacts, me()))),
    'chats.update': safely((updates) => note(chatSightings(updates))),
    'chats.delete': safely((ids) => note(goneSightings('chat.deleted', ids))),
    'labels.edit': safely((label) => note([labelSighting(label)])),
    'labels.association': safely((change) => note(assignmentSightings(change))),
    'messaging-history.set': safely((history) => tell([historySighting(history)])),
  })

  return {
    /** An action of the account's state that Baileys did not know. */
    onUnknownAction: ([action, chat]: readonly string[]): void => {
      if (action === clearAction && chat !== undefined) note(goneSightings('chat.cleared', [chat]))
    },
  }
}
