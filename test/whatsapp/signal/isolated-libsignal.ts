import { SessionCipher, SessionRecord } from 'libsignal'

interface Session {
  readonly indexInfo: { used: number }
}
interface CipherInternals {
  decryptWithSessions(data: Buffer, sessions: Session[]): Promise<{ session: Session; plaintext: Buffer }>
  doDecryptWhisperMessage(data: Buffer, session: Session): Promise<Buffer>
}
interface RecordInternals {
  readonly sessions: Record<string, Session>
  setSession(session: Session): void
}

const prototype = SessionCipher.prototype as unknown as CipherInternals

const copyOf = (session: Session): Session => {
  const record = new SessionRecord()
  ;(record as unknown as RecordInternals).setSession(session)
  const copy = SessionRecord.deserialize(record.serialize()) as unknown as RecordInternals
  return Object.values(copy.sessions)[0] as Session
}

/**
 * libsignal 6 steps the ratchet of every session that it tries before it checks the MAC. This makes it try on copies,
 * as WhatsApp's own clients are taken to do, until the returned function is called.
 */
export const isolateTrials = (): (() => void) => {
  const original = Reflect.get(prototype, 'decryptWithSessions')
  prototype.decryptWithSessions = async function (this: CipherInternals, data, sessions) {
    for (const session of sessions) {
      const copy = copyOf(session)
      try {
        const plaintext = await this.doDecryptWhisperMessage(data, copy)
        for (const name of Object.keys(session)) Reflect.deleteProperty(session, name)
        Object.assign(session, copy)
        session.indexInfo.used = Date.now()
        return { session, plaintext }
      } catch {
        // Not this session's message.
      }
    }
    throw new Error('No matching sessions found for message')
  }
  return () => {
    prototype.decryptWithSessions = original
  }
}
