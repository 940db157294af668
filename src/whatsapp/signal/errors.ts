/**
 * The engine rejects with plain strings, while Baileys reads `err.message` and compares one text exactly
 * (`Key used already or never filled`, decode-wa-message.ts `DECRYPTION_RETRY_CONFIG`): a mapping is not optional.
 */
const texts: readonly { readonly pattern: RegExp; readonly name: string; readonly message: string }[] = [
  {
    pattern: /DuplicatedMessage|message with old counter/,
    name: 'MessageCounterError',
    message: 'Key used already or never filled',
  },
  { pattern: /SessionNotFound/, name: 'SessionError', message: 'No session record' },
  { pattern: /BadMac|InvalidMessage\(|MAC verification failed/, name: 'SessionError', message: 'Bad MAC' },
  { pattern: /InvalidPreKeyId/, name: 'PreKeyError', message: 'Invalid PreKey ID' },
  { pattern: /InvalidSignedPreKeyId/, name: 'PreKeyError', message: 'Missing SignedPreKey' },
  { pattern: /no sender key state/, name: 'SessionError', message: 'No session found to decrypt message' },
  { pattern: /UntrustedIdentity/, name: 'UntrustedIdentityKeyError', message: 'Untrusted identity key' },
]

const causeLengthMax = 300

/** A message that was decrypted before and whose plaintext is not in the journal any more. */
export const duplicateText = 'Key used already or never filled'

/** Turns what the engine threw into an Error whose text Baileys understands. */
export const toSignalError = (thrown: unknown): Error => {
  if (thrown instanceof Error && thrown.name !== 'RuntimeError') return thrown
  const raw = (thrown instanceof Error ? `signal engine trapped: ${thrown.message}` : String(thrown)).slice(
    0,
    causeLengthMax,
  )
  const known = texts.find(({ pattern }) => pattern.test(raw))
  const error = new Error(known?.message ?? raw, { cause: raw })
  error.name = known?.name ?? 'SignalError'
  return error
}

/** Is this the engine's word for a message that it has decrypted before? */
export const isDuplicate = (thrown: unknown): boolean => /DuplicatedMessage/.test(String(thrown))
