import type { EventType } from './event.ts'

/** What each event says has happened, in words: the whole list of them, complete by type. */
export const eventMeanings: Readonly<Record<EventType, string>> = {
  'device.status_changed': 'A device has another status, or another reason for it.',
  'device.pacing_changed': 'Somebody has set how fast a device may send.',
  'device.qr_updated': 'There is a new QR code to scan.',
  'device.linked': 'A phone has linked the device.',
  'device.unlinked': 'The device is not linked to its account any more.',
  'device.restricted': 'WhatsApp lets the account open no new chats until then; null: it does again.',
  'message.received': 'A message has come, or could be decrypted at last.',
  'message.queued': 'A message is accepted and on disk, or is to be tried again.',
  'message.scheduled': 'A message waits for its `sendAt`, or for another one than before.',
  'message.sending': 'A connector has the message.',
  'message.sent':
    "WhatsApp's server has the message. One that the owner wrote on the phone begins with this, and says all of it.",
  'message.delivered': 'The message has come to a device of its recipient; in a group, to all members.',
  'message.read':
    'The recipient, or in a group everybody, has read the message; of one that came, the account has.',
  'message.played': 'The same of what plays.',
  'message.acknowledged': 'The message has come a step further with one member of its group.',
  'message.failed': 'The message was not sent, or cannot be decrypted.',
  'message.cancelled': 'Somebody has given the message up.',
  'message.pending': 'What came cannot be decrypted, and was asked for again.',
  'message.reacted': 'Somebody has reacted to the message; an empty emoji takes that back.',
  'message.edited': 'The author has changed what the message says.',
  'message.deleted': 'It was deleted for everyone.',
  'message.pinned': 'It was pinned to the top of its chat; null: it is not any more.',
  'message.starred': 'The owner has put a star on it.',
  'message.unstarred': 'The owner has taken the star off.',
  'message.deleted_for_me': "It was taken out of the chat on the owner's devices. It stays in the log.",
  'poll.voted': 'Somebody has voted in the poll; no options: they have taken their vote back.',
  'media.waiting': 'The file of a message is to be fetched.',
  'media.stored': 'The file is here.',
  'media.failed': 'The file could not be fetched.',
  'media.removed': 'The file was removed from here.',
  'bulk.created': 'A bulk was accepted.',
  'bulk.paused': 'It stops for a while.',
  'bulk.resumed': 'It goes on.',
  'bulk.cancelled': 'What of it was not sent is given up.',
  'bulk.finished': 'Nothing of it waits any more.',
  'operation.queued': 'What a device was asked to do is on disk, or is to be tried again.',
  'operation.done': 'It was done.',
  'operation.failed': 'It was refused, or was not done in time.',
  'operation.unknown': 'It was begun, and nobody can say whether WhatsApp has done it.',
  'group.joined': 'The account is in a group now.',
  'group.left': 'The account is not in the group any more.',
  'group.members_changed': 'Others have come, gone, or become admins or not.',
  'group.updated': 'What a group is called, says of itself or allows has changed; only that is there.',
  'contact.updated': 'What is known of a contact has changed; only that is there.',
  'chat.updated': 'The owner has archived, pinned, muted or read a chat; only what has changed is there.',
  'chat.deleted': 'The owner has deleted a chat.',
  'chat.cleared': 'The owner has emptied a chat.',
  'presence.updated': 'Somebody is there, is gone, or types.',
  'call.received': 'Somebody calls.',
  'call.accepted': 'The call was taken, on another device.',
  'call.rejected': 'The call was declined.',
  'call.missed': 'Nobody has taken the call.',
  'call.ended': 'The call is over.',
  'label.updated': 'A label was made, changed or deleted.',
  'label.assigned': 'A label was put on a chat or a message.',
  'label.unassigned': 'A label was taken off.',
  'history.synced': 'WhatsApp has given a part of what was there before the link.',
  'webhook.endpoint_disabled': 'Nothing more is sent to an endpoint until a person has it go on.',
  'webhook.tested': 'Somebody wants to see what arrives at an endpoint.',
}

export const eventTypes = Object.keys(eventMeanings) as readonly EventType[]

/** Does a pattern, a type or all of a noun (`message.*`), mean this type? */
export const matchesType = (pattern: string, type: string): boolean =>
  pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)))

/** The types that patterns mean, and the patterns that mean none. */
export const typesMeant = (
  patterns: readonly string[],
): { readonly types: readonly EventType[]; readonly unknown: readonly string[] } => ({
  types: eventTypes.filter((type) => patterns.some((pattern) => matchesType(pattern, type))),
  unknown: patterns.filter((pattern) => !eventTypes.some((type) => matchesType(pattern, type))),
})
