import type { Context } from '../context.ts'
import { attr, element, type Node } from '../protocol/node.ts'
import { ack, iqError, iqResult, streamDeviceRemoved, streamReplaced, success } from '../protocol/stanzas.ts'
import { type Companion, type CompanionSession, type Device, jidOf } from '../state/account.ts'
import type { Connection } from '../wire/connection.ts'
import { answerIq } from './iq.ts'
import { accountRestricted, isHeldBack } from './restriction.ts'
import { announceDevice, routeChatstate, routeMessage, routeReceipt } from './router.ts'

/** What a socket does with the stanzas that it gets, from the handshake on. */
export interface Session {
  onNode(node: Node): void
  onClose(): void
}

/** Takes a companion off its account: its socket ends, its mailbox is emptied, and others are told. */
export const unlinkCompanion = (context: Context, companion: Companion): void => {
  const { account, device, session } = companion
  if (account.companions.get(device) !== companion) return
  account.companions.delete(device)
  session?.end(streamDeviceRemoved())
  companion.mailbox.clear()
  announceDevice(context, companion, 'remove')
  context.log('info', { companion: jidOf(account, device) }, 'companion unlinked')
}

/** Ids of a companion that are remembered, to tell its repeats. */
const sentIdsMax = 10_000

/** A logged-in companion on its socket. A companion that was logged in on another one is replaced there. */
export const startCompanionSession = (
  context: Context,
  companion: Companion,
  connection: Connection,
): Session & CompanionSession => {
  const self: Device = companion
  const { counters, faults } = context
  const send = (stanza: Node): void => connection.send(stanza)

  const countRepeat = (id: string): void => {
    const { sentIds } = companion
    if (sentIds.delete(id)) counters.repeatsFromCompanions++
    sentIds.add(id)
    const [oldest] = sentIds
    if (sentIds.size > sentIdsMax && oldest !== undefined) sentIds.delete(oldest)
  }

  const onMessage = (message: Node): void => {
    counters.messagesFromCompanions++
    countRepeat(attr(message, 'id') ?? '')
    const nack = faults.consume('nack', companion, context.directory.find(attr(message, 'to')))
    if (nack !== undefined) {
      counters.nacksSent++
      return send(ack(message, { t: context.nowSeconds(), error: nack.code }))
    }
    if (isHeldBack(context, companion.account, message)) {
      counters.nacksSent++
      return send(ack(message, { t: context.nowSeconds(), error: accountRestricted }))
    }
    const verdict = routeMessage(context, self, message)
    if (faults.consume('lose-acks', companion) !== undefined) {
      counters.acksLost++
      return
    }
    if (verdict.error === undefined) counters.acksSent++
    else counters.nacksSent++
    send(ack(message, { t: verdict.t, error: verdict.error, phash: verdict.phash }))
  }

  const onReceipt = (receipt: Node): void => {
    counters.receiptsFromCompanions++
    if (attr(receipt, 'type') === 'retry') counters.retryReceiptsFromCompanions++
    companion.mailbox.confirm(receipt)
    routeReceipt(context, self, receipt)
    send(ack(receipt, { t: context.nowSeconds() }))
  }

  const goActive = (): void => {
    if (companion.mailbox.isAttached) return
    companion.mailbox.attach(send)
    if (companion.hasInitialSync) return
    companion.hasInitialSync = true
    context.phone(companion.account).startInitialSync(companion)
  }

  const onIq = (iq: Node): void => {
    const id = attr(iq, 'id')
    if (id === undefined) return
    const type = attr(iq, 'type')
    if (type === 'result' || type === 'error') return
    const answer = answerIq(context, companion, iq)
    if (answer.kind === 'error') return send(iqError(id, answer.code, answer.text))
    send(iqResult(id, answer.content))
    if (answer.next === 'go-active') goActive()
    else if (answer.next === 'unlink') unlinkCompanion(context, companion)
  }

  const session: Session & CompanionSession = {
    send,
    end(lastWord) {
      companion.mailbox.detach(send)
      if (lastWord !== undefined) send(lastWord)
      connection.close()
    },
    onNode(node) {
      if (companion.session !== session) return
      switch (node.tag) {
        case 'iq':
          return onIq(node)
        case 'message':
          return onMessage(node)
        case 'receipt':
          return onReceipt(node)
        case 'ack':
          if (node.attrs['class'] === 'message') counters.nacksFromCompanions++
          return companion.mailbox.confirm(node)
        case 'presence':
          return onPresence(node)
        case 'chatstate':
          return routeChatstate(context, self, node)
        case 'call':
          return send(ack(node, { t: context.nowSeconds() }))
        default:
          // ib (batches, session telemetry) and whatever a newer client adds: nothing is expected back.
          return undefined
      }
    },
    onClose() {
      companion.mailbox.detach(send)
      if (companion.session === session) companion.session = undefined
    },
  }

  const onPresence = (presence: Node): void => {
    const subscribed = context.directory.find(attr(presence, 'to'))
    if (attr(presence, 'type') !== 'subscribe' || subscribed === undefined) return
    send(element('presence', { from: attr(presence, 'to') }))
  }

  companion.session?.end(streamReplaced())
  companion.session = session
  companion.logins++
  counters.logins++
  const jid = jidOf(companion.account, companion.device)
  context.loginsByCompanion.set(jid, (context.loginsByCompanion.get(jid) ?? 0) + 1)
  send(success(jidOf(companion.account, companion.device, 'lid'), context.nowSeconds()))
  return session
}
