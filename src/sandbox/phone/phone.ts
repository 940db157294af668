import { createLock } from '../../runtime/lock.ts'
import type { Context, PhonePort } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { addressingOf, parseJid } from '../protocol/jid.ts'
import { attr, element, type Node } from '../protocol/node.ts'
import { routeReceipt } from '../session/router.ts'
import type { Account, Device } from '../state/account.ts'
import { type Chat, isGroup } from '../state/groups.ts'
import { createActs } from './acts.ts'
import { type AppStateEntry, createAppState } from './app-state.ts'
import type { Written } from './body.ts'
import { type ChatLog, type ChatMessage, createChatLog } from './chat-log.ts'
import { type Chatstate, type ChatstateName, createChatstates } from './chatstates.ts'
import { historyMessage, type HistoryPart, initialSyncMessages } from './initial-sync.ts'
import { createMediaRetry } from './media-retry.ts'
import { entryOf, type OwnerAct } from './owner-acts.ts'
import { createReceipts } from './receipts.ts'
import { createReceiving } from './receiving.ts'
import { createSenderKeys } from './sender-keys.ts'
import { addressOf, createSending } from './sending.ts'
import { createShowing } from './showing.ts'
import { createSignalEngine } from './signal.ts'
import { wrongAttributes } from './stanza-attributes.ts'
import { createWriting } from './writing.ts'

/** A simulated phone: device 0 of its account, with Signal sessions of its own. */
export interface Phone extends PhonePort {
  readonly account: Account
  readonly log: ChatLog
  /** Sends a message to a person or a group that the phone is in; resolves when the server took it. */
  write(body: Written, to: Chat): Promise<ChatMessage>
  /** Sends read receipts for what was received in a chat (or those messages of it) and not read; resolves with how many. */
  markRead(chat: Chat, ids?: readonly string[]): Promise<number>
  /** The same for what can be played: voice messages, videos. */
  markPlayed(chat: Chat, ids?: readonly string[]): Promise<number>
  /** Who was typing to the phone, or stopped; the newest are kept. */
  readonly chatstates: readonly Chatstate[]
  /** Says that its owner is typing, recording or has stopped. */
  sendChatstate(to: Chat, state: ChatstateName): void
  /** Does something that all devices of the account keep. Rejects when a companion writes there all the time. */
  act(act: OwnerAct): Promise<void>
  /** Gives its companions a part of its history; resolves with how many they are. */
  giveHistory(part: HistoryPart): Promise<number>
  /** What is in the app state now: companions' stars and the like, and what the owner did on the phone. */
  readonly appState: readonly AppStateEntry[]
  readonly isOn: boolean
  /** Switched off it takes nothing in and does nothing: what it gets waits, and comes when it is on again. */
  switch(on: boolean): void
  /** Resolves when everything that was delivered so far is worked off. */
  idle(): Promise<void>
}

/** Stanzas that wait for a phone which is off; later ones are lost. */
const waitingMax = 100_000
/** How often it writes to the app state when companions are faster each time. */
const writeTriesMax = 10
const registrationIdMax = 16_380
const messageIdBytes = 16
const secondMs = 1000

export const createPhone = (context: Context, account: Account, scope: string): Phone => {
  const { counters, entropy } = context
  const self: Device = { account, device: 0 }
  const inOrder = createLock()
  const log = createChatLog()
  let isOn = true
  let waiting: Node[] = []
  const signal = createSignalEngine({
    identity: account.identity,
    signedPreKey: entropy.keyPair(`phone ${account.number} signed pre-key`),
    registrationId:
      (entropy.bytes(`phone ${account.number} registration`, 2).readUInt16BE() % registrationIdMax) + 1,
    scope: `${scope} ${account.number}`,
  })
  const senderKeys = createSenderKeys(entropy, account.number)
  const newMessageId = (): string =>
    entropy.next(`phone ${account.number} message`, messageIdBytes).toString('hex').toUpperCase()

  const receive = createReceiving(context, account, signal, senderKeys)
  const sending = createSending({ context, account, signal, senderKeys, newMessageId })
  const show = createShowing(context, account, log, createActs(context, account, log))
  const write = createWriting({ context, account, log, sending, show, newMessageId })
  const receipts = createReceipts(context, account, log)
  const appState = createAppState(context, account, log)
  const chatstates = createChatstates(context, account)
  const retryMedia = createMediaRetry(context, account, log)

  const onMessage = async (stanza: Node): Promise<void> => {
    const group = context.groups.find(attr(stanza, 'from'))
    const participant = attr(stanza, 'participant')
    const from = context.directory.findDevice(participant ?? attr(stanza, 'from'))
    const id = attr(stanza, 'id')
    if (from === undefined || id === undefined) return
    const received = await receive(stanza, from)
    if (received === undefined) return
    const isOwn = from.account === account
    const to = attr(stanza, 'from')
    const recipient = attr(stanza, 'recipient')
    if (attr(stanza, 'category') === 'peer') {
      return routeReceipt(context, self, element('receipt', { id, to, type: 'peer_msg' }))
    }
    const { deviceSentMessage: inside, messageContextInfo } = received
    const person = isOwn ? context.directory.find(inside?.destinationJid ?? recipient) : from.account
    const chat = group ?? person
    if (chat !== undefined) {
      const outside = messageContextInfo ? { messageContextInfo } : {}
      const content = isOwn && inside?.message ? { ...outside, ...inside.message } : received
      const problems = wrongAttributes(stanza, content, isGroup(chat))
      if (problems.length > 0) {
        counters.misdescribedMessages++
        context.log('warn', { phone: account.number, id, problems }, 'misdescribed message')
      }
      const timestamp = Number(stanza.attrs['t']) * secondMs
      const shown = await show({ id, from: from.account, chat, timestamp, content, problems })
      if (shown === undefined) counters.duplicates++
    }
    const type = isOwn ? 'sender' : undefined
    routeReceipt(context, self, element('receipt', { id, to, participant, recipient, type }))
  }

  const onReceipt = async (receipt: Node): Promise<void> => {
    const type = attr(receipt, 'type')
    const group = context.groups.find(attr(receipt, 'from'))
    if (group !== undefined && type !== 'retry') return receipts.onGroupReceipt(group, receipt)
    const fromJid = parseJid(attr(receipt, 'participant') ?? attr(receipt, 'from'))
    const from = context.directory.findDevice(fromJid)
    if (fromJid === undefined || from === undefined) return
    if (type === 'retry') return sending.resend(receipt, from, addressingOf(fromJid))
    if (type === 'server-error') return retryMedia(receipt, from)
    receipts.onPersonReceipt(receipt, from)
  }

  const onStanza = async (stanza: Node): Promise<void> => {
    try {
      if (stanza.tag === 'message') await onMessage(stanza)
      else if (stanza.tag === 'receipt') await onReceipt(stanza)
      else if (stanza.tag === 'chatstate') chatstates.take(stanza)
      else if (stanza.tag === 'notification') sending.onGroupChange(stanza)
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown'
      context.log(
        'error',
        { phone: account.number, tag: stanza.tag, reason },
        'phone could not handle a stanza',
      )
    }
  }

  const deliver = (stanza: Node): void => {
    if (isOn) void inOrder(() => onStanza(stanza))
    else if (waiting.length < waitingMax) waiting.push(stanza)
  }

  return {
    account,
    log,
    get isOn() {
      return isOn
    },
    switch(on) {
      isOn = on
      if (!on) return
      const late = waiting
      waiting = []
      for (const stanza of late) deliver(stanza)
    },
    takeBundle: () => signal.takeBundle(),
    learnSenderKey: (group, sender, distribution) => senderKeys.learn(group, addressOf(sender), distribution),
    deliver,
    takeAppState: (patch) => void inOrder(() => appState.take(patch)),
    get appState() {
      return appState.entries
    },
    get chatstates() {
      return chatstates.seen
    },
    sendChatstate: (to, state) => chatstates.send(to, state),
    async act(act) {
      const { collection, ...mutation } = entryOf(context, act)
      for (let tries = 0; tries < writeTriesMax; tries++) {
        if (await inOrder(() => appState.write(collection, mutation))) return
      }
      throw new SandboxError(409, `the phone cannot write to ${collection}: its companions do all the time`)
    },
    giveHistory: (part) =>
      inOrder(async () => {
        const content = historyMessage(context, account, log, part)
        for (const companion of account.companions.values()) await sending.sendPeer(companion, content)
        return account.companions.size
      }),
    startInitialSync(companion) {
      void inOrder(async () => {
        for (const content of initialSyncMessages(context, account, log)) {
          await sending.sendPeer(companion, content)
        }
      })
    },
    write: (body, to) => inOrder(() => write(body, to)),
    markRead: (chat, ids) => inOrder(() => receipts.markRead(chat, ids)),
    markPlayed: (chat, ids) => inOrder(() => receipts.markPlayed(chat, ids)),
    idle: () => inOrder(() => undefined),
  }
}
