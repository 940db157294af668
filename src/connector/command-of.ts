import type { Message } from '../domain/message.ts'
import type { OperationInput } from '../domain/operation.ts'
import type { Store } from '../store/store.ts'
import type { Command, MessageName } from '../whatsapp/socket.ts'

const nameOf = ({ whatsappId, chat, sender, direction, whatsappAt, createdAt }: Message): MessageName => ({
  whatsappId,
  chat,
  sender,
  fromMe: direction === 'outbound',
  at: whatsappAt ?? createdAt,
})

/** Looks up what an operation names; undefined when its message is gone. */
export type CommandOf = (input: OperationInput) => Promise<Command | undefined>

export const createCommandOf =
  ({ messages }: Pick<Store, 'messages'>): CommandOf =>
  async (input) => {
    switch (input.kind) {
      case 'star':
      case 'delete_for_me': {
        const { messageId, ...command } = input
        const message = await messages.get(messageId)
        return message === undefined ? undefined : { ...command, message: nameOf(message) }
      }
      case 'mark_read': {
        const found = await Promise.all(input.messageIds.map((id) => messages.get(id)))
        const known = found.filter((message) => message !== undefined)
        return { kind: input.kind, messages: known.map(nameOf), played: input.played }
      }
      case 'typing':
      case 'group_create':
      case 'group_leave':
      case 'group_info':
      case 'group_list':
      case 'numbers_check':
        return input
    }
  }
