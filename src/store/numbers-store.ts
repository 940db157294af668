import type { Lease } from '../domain/lease.ts'

/** What the server last said of a number. */
export interface KnownNumber {
  /** How WhatsApp writes it; null: it is not there. */
  readonly jid: string | null
  readonly checkedAt: number
}

export interface NumberStore {
  /** Undefined for a number that was never checked. `number` is digits. */
  get(number: string): Promise<KnownNumber | undefined>
  /** Notes an answer of the server. */
  note(lease: Lease, number: string, known: KnownNumber): Promise<void>
}
