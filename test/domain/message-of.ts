import type { MessageBody } from '../../src/domain/body.ts'
import type { Message } from '../../src/domain/message.ts'

/** A message that came in and says this. */
export const messageOf = (body: MessageBody | null, more: Partial<Message> = {}): Message => ({
  id: 'M1',
  deviceId: 'myphone',
  whatsappId: 'W1',
  direction: 'inbound',
  chat: { pn: '1@s.whatsapp.net', lid: null },
  sender: { pn: '1@s.whatsapp.net', lid: null },
  senderName: null,
  type: body?.type ?? 'text',
  text: null,
  body,
  targetId: null,
  targetWhatsappId: null,
  status: 'delivered',
  error: null,
  attempts: 0,
  whatsappAt: 1,
  createdAt: 1,
  sendingAt: null,
  sentAt: null,
  deliveredAt: 1,
  readAt: null,
  playedAt: null,
  failedAt: null,
  editedAt: null,
  deletedAt: null,
  starredAt: null,
  pinnedUntil: null,
  ...more,
})
