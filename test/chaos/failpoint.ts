/** The points at which a connector can be killed, in the order in which a message passes them. */
export const failpoints = {
  claim: 'a message is claimed, nothing of it is encrypted',
  encrypt: 'it is encrypted, the step of the ratchet is not committed',
  commit: 'the step is committed, nothing is on the wire',
  wire: 'the frame is written, no ack has come',
  ack: 'the ack has come and is not recorded',
  record: 'the ack is recorded',
  delivery: "the recipient's receipt has come and is not recorded",
  delivered: 'it is recorded, and not confirmed to the server',
  decrypt: 'an inbound message is decrypted, nothing is committed',
  journal: 'it is committed and in the journal, no receipt has left',
  receipt: 'the receipt is written, the message is only in the journal',
  promote: 'it is about to become a message',
  promoted: 'it is stored as a message',
} as const

export type Failpoint = keyof typeof failpoints

export const isFailpoint = (name: string): name is Failpoint => Object.hasOwn(failpoints, name)
