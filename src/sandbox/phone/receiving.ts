import { proto, unpadRandomMax16 } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import { isDeviceIdentityValid } from '../protocol/adv.ts'
import { bundleKeys } from '../protocol/key-bundle.ts'
import { attr, bytesOf, childBytes, children, type Node } from '../protocol/node.ts'
import { retryReceipt } from '../protocol/stanzas.ts'
import { routeReceipt } from '../session/router.ts'
import type { Account, Device } from '../state/account.ts'
import type { SenderKeys } from './sender-keys.ts'
import { addressOf } from './sending.ts'
import type { SignalEngine } from './signal.ts'

/** Retry receipts that a phone sends for one message. */
const retriesMax = 5
/** Messages whose retries are counted; then the oldest are forgotten. */
const retriesRememberedMax = 10_000

type GroupKey = proto.Message.ISenderKeyDistributionMessage

/** Decrypts what comes to a phone. What it cannot read it asks for again. */
export const createReceiving = (
  context: Context,
  account: Account,
  signal: SignalEngine,
  senderKeys: SenderKeys,
) => {
  const { counters } = context
  const self: Device = { account, device: 0 }
  const retries = new Map<string, number>()
  const verified = new Set<string>()

  const isSenderProven = (stanza: Node, from: Device): boolean => {
    if (from.device === 0) return true
    const companion = context.directory.companion(from)
    const identity = childBytes(stanza, 'device-identity')
    if (companion === undefined || identity === undefined) return false
    const key = `${addressOf(from)} ${identity.toString('base64')}`
    if (verified.has(key)) return true
    const isValid = isDeviceIdentityValid(identity, from.account.identity.public, companion.keys.identityKey)
    if (isValid) verified.add(key)
    return isValid
  }

  const learnKey = (from: Device, { groupId, axolotlSenderKeyDistributionMessage }: GroupKey): void => {
    if (typeof groupId !== 'string' || !axolotlSenderKeyDistributionMessage) return
    senderKeys.learn(groupId, addressOf(from), axolotlSenderKeyDistributionMessage)
  }

  const decrypt = async (stanza: Node, from: Device): Promise<proto.IMessage> => {
    const content: proto.IMessage = {}
    const parts = children(stanza, 'enc')
    if (parts.length === 0) throw new Error('nothing encrypted in it')
    for (const enc of parts) {
      const type = attr(enc, 'type') ?? ''
      const ciphertext = bytesOf(enc) ?? Buffer.alloc(0)
      if (type === 'pkmsg' && !isSenderProven(stanza, from)) throw new Error('device identity not proven')
      const padded =
        type === 'skmsg'
          ? senderKeys.decrypt(attr(stanza, 'from') ?? '', addressOf(from), ciphertext)
          : await signal.decrypt(addressOf(from), type, ciphertext)
      const part = proto.Message.decode(unpadRandomMax16(padded))
      const key = (part.deviceSentMessage?.message ?? part).senderKeyDistributionMessage
      if (key) learnKey(from, key)
      Object.assign(content, part)
    }
    return content
  }

  const askForRetry = (stanza: Node, name: string): void => {
    const count = (retries.get(name) ?? 0) + 1
    if (count > retriesMax) return
    retries.set(name, count)
    const [oldest] = retries.keys()
    if (retries.size > retriesRememberedMax && oldest !== undefined) retries.delete(oldest)
    counters.retryReceiptsFromPhones++
    const bundle = signal.takeBundle()
    const { id = '', t = '', from = '' } = stanza.attrs
    const message = {
      id,
      t,
      to: from,
      recipient: attr(stanza, 'recipient'),
      participant: attr(stanza, 'participant'),
      count,
    }
    routeReceipt(context, self, retryReceipt(message, bundle.registrationId, bundleKeys(bundle)))
  }

  /** Undefined when it cannot be read: the sender is asked to send it again. */
  return async (stanza: Node, from: Device): Promise<proto.IMessage | undefined> => {
    const id = attr(stanza, 'id') ?? ''
    const name = `${addressOf(from)} ${id}`
    try {
      const content = await decrypt(stanza, from)
      retries.delete(name)
      return content
    } catch (error) {
      counters.undecryptable++
      const reason = error instanceof Error ? error.message : 'unknown'
      context.log('warn', { phone: account.number, from: attr(stanza, 'from'), id, reason }, 'undecryptable')
      askForRetry(stanza, name)
      return undefined
    }
  }
}
