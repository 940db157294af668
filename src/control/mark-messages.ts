import { isAct } from '../domain/body.ts'
import { GatewayError } from '../domain/errors.ts'
import { partyJid } from '../domain/jid.ts'
import type { Message } from '../domain/message.ts'
import type { Operation } from '../domain/operation.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { getMessage } from './get-message.ts'
import { submitOperation } from './submit-operation.ts'
import { partyOf, recipientOf, type Submission } from './submit.ts'

/** So many messages are marked as read at once. */
export const readMessagesMax = 500

const refused = (detail: string): GatewayError => new GatewayError('invalid_message', detail)

/** A message of a chat, which the phone shows too. Refuses what stands in no list of messages. */
const shownMessage = async (ctx: ControlContext, id: string): Promise<Message> => {
  const message = await getMessage(ctx, { id })
  if (isAct(message.type)) throw refused(`message ${id} is a ${message.type}: it stands in no chat by itself`)
  if (message.deletedForMeAt !== null) throw refused(`message ${id} was deleted for the own devices`)
  return message
}

const isAtWhatsApp = ({ direction, sentAt }: Message): boolean => direction === 'inbound' || sentAt !== null

const checkAtWhatsApp = (message: Message): void => {
  if (isAtWhatsApp(message)) return
  throw refused(`message ${message.id} is not sent: the phone has not got it yet`)
}

/** Puts a star on a message, or takes it off. */
export const starMessage = async (
  ctx: ControlContext,
  { id, starred, ...options }: { id: string; starred: boolean } & Submission,
): Promise<Operation> => {
  const message = await shownMessage(ctx, id)
  checkAtWhatsApp(message)
  return submitOperation(ctx, message.deviceId, { kind: 'star', messageId: id, starred }, options)
}

/** Takes a message out of the chat on all devices of the owner; others keep it, and so does the message log. */
export const deleteForMe = async (
  ctx: ControlContext,
  { id, ...options }: { id: string } & Submission,
): Promise<Operation> => {
  const message = await shownMessage(ctx, id)
  checkAtWhatsApp(message)
  return submitOperation(ctx, message.deviceId, { kind: 'delete_for_me', messageId: id }, options)
}

const playable: ReadonlySet<string> = new Set(['voice', 'audio', 'video', 'round_video'])

const checkReadable = ({ id, direction, type, body }: Message, played: boolean): void => {
  if (direction !== 'inbound')
    throw refused(`message ${id} is the device's own: nobody is told that it was read`)
  if (played && !playable.has(type) && body?.viewOnce !== true) {
    throw refused(`message ${id} is a ${type}: it does not play, and does not open once`)
  }
}

/** Tells the sender that a message was read, or played. */
export const markMessageRead = async (
  ctx: ControlContext,
  { id, played, ...options }: { id: string; played: boolean } & Submission,
): Promise<Operation> => {
  const message = await shownMessage(ctx, id)
  checkReadable(message, played)
  return submitOperation(ctx, message.deviceId, { kind: 'mark_read', messageIds: [id], played }, options)
}

export interface MarkChatReadInput extends Submission {
  readonly deviceId: string
  readonly chat: string
  /** Those alone; without it the newest `readMessagesMax` that are not read. */
  readonly messageIds?: readonly string[]
}

const namedMessages = async (
  ctx: ControlContext,
  deviceId: string,
  chat: string,
  ids: readonly string[],
): Promise<readonly Message[]> => {
  const messages = await Promise.all(ids.map((id) => ctx.store.messages.get(id)))
  return messages.map((message, at) => {
    if (message?.deviceId !== deviceId || (message.chat.pn !== chat && message.chat.lid !== chat)) {
      throw new GatewayError('invalid_reference', `messageIds: the chat ${chat} has no message ${ids[at]}`)
    }
    checkReadable(message, false)
    return message
  })
}

/** Tells the senders of a chat that their messages were read. */
export const markChatRead = async (
  ctx: ControlContext,
  { messageIds, ...input }: MarkChatReadInput,
): Promise<Operation> => {
  const deviceId = checkDeviceId(input.deviceId)
  const chat = partyJid(await ctx.store.addresses.complete(deviceId, partyOf(recipientOf(input.chat))))
  const unread = async (): Promise<readonly Message[]> => {
    const filter = { deviceId, chat, direction: 'inbound', status: 'delivered' } as const
    return (await ctx.store.messages.list(filter, { limit: readMessagesMax })).items
  }
  const messages =
    messageIds === undefined
      ? await unread()
      : await namedMessages(ctx, deviceId, chat, [...new Set(messageIds)])
  const ids = messages.filter(({ type }) => !isAct(type)).map(({ id }) => id)
  return submitOperation(ctx, deviceId, { kind: 'mark_read', messageIds: ids, played: false }, input)
}
