/** What the sandbox has counted since it started. A message here is one stanza to or from one device. */
export interface Counters {
  handshakes: number
  handshakesFailed: number
  upgradesRejected: number
  framesRefused: number
  pairings: number
  logins: number
  loginsRefused: number
  /** The most sockets that ever waited for the server at a time, from the upgrade to a login, a QR or a refusal. */
  loginsAtOnceMost: number
  messagesFromCompanions: number
  /** Of those, the ones under an id that the companion had used before, among its newest. */
  repeatsFromCompanions: number
  messagesToCompanions: number
  messagesFromPhones: number
  messagesToPhones: number
  /** Messages that reached a phone again under the same chat, sender and id. */
  duplicates: number
  /** Messages that a phone could not decrypt. */
  undecryptable: number
  retryReceiptsFromPhones: number
  retryReceiptsFromCompanions: number
  /** Messages that phones encrypted again because a companion asked. */
  resentByPhones: number
  receiptsFromCompanions: number
  /** Privacy tokens that companions gave to contacts. */
  privacyTokensGiven: number
  /** Acks with an error that companions sent for messages. */
  nacksFromCompanions: number
  acksSent: number
  acksLost: number
  nacksSent: number
  offlineDelivered: number
  /** Stanzas that had been written to an earlier socket and were never confirmed. */
  redelivered: number
  /** Stanzas that a full mailbox pushed out. */
  mailboxDropped: number
  oneTimePreKeysServed: number
  /** Pre-key bundles served without a one-time key because none was left. */
  bundlesWithoutOneTimePreKey: number
  /** Questions of companions who is in a group. */
  groupQueries: number
  unknownIqs: number
  /** Files that the media host took, and their encrypted bytes; uploads and downloads that it refused. */
  mediaUploads: number
  mediaUploadedBytes: number
  mediaUploadsRefused: number
  mediaDownloads: number
  mediaDownloadsRefused: number
  /** Files that a phone could not fetch, or that were not what their message said. */
  mediaRejectedByPhones: number
  /** Files that phones uploaded again because a companion asked. */
  mediaRetries: number
  /** Messages whose stanza said something else of them than their content, or left it out. */
  misdescribedMessages: number
  /** App state patches that the account's phone could not read. */
  appStateUnreadable: number
  /** Edits, deletions… that phones did not apply: of a message that they have not, or by who may not. */
  actsRefused: number
}

export const createCounters = (): Counters => ({
  handshakes: 0,
  handshakesFailed: 0,
  upgradesRejected: 0,
  framesRefused: 0,
  pairings: 0,
  logins: 0,
  loginsRefused: 0,
  loginsAtOnceMost: 0,
  messagesFromCompanions: 0,
  repeatsFromCompanions: 0,
  messagesToCompanions: 0,
  messagesFromPhones: 0,
  messagesToPhones: 0,
  duplicates: 0,
  undecryptable: 0,
  retryReceiptsFromPhones: 0,
  retryReceiptsFromCompanions: 0,
  resentByPhones: 0,
  receiptsFromCompanions: 0,
  privacyTokensGiven: 0,
  nacksFromCompanions: 0,
  acksSent: 0,
  acksLost: 0,
  nacksSent: 0,
  offlineDelivered: 0,
  redelivered: 0,
  mailboxDropped: 0,
  oneTimePreKeysServed: 0,
  bundlesWithoutOneTimePreKey: 0,
  groupQueries: 0,
  unknownIqs: 0,
  mediaUploads: 0,
  mediaUploadedBytes: 0,
  mediaUploadsRefused: 0,
  mediaDownloads: 0,
  mediaDownloadsRefused: 0,
  mediaRejectedByPhones: 0,
  mediaRetries: 0,
  misdescribedMessages: 0,
  appStateUnreadable: 0,
  actsRefused: 0,
})
