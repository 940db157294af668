import type { PublicSignedPreKey } from '../protocol/key-bundle.ts'
import type { Node } from '../protocol/node.ts'
import type { Session } from './companion.ts'

/** What a client says about itself when it wants to be linked. */
export interface Registration {
  readonly noiseKey: Buffer
  readonly identityKey: Buffer
  readonly registrationId: number
  readonly signedPreKey: PublicSignedPreKey
  readonly platform: string
}

/** A client that asked for a linking code, and waits for somebody to enter it on a phone. */
export interface CodeRequest {
  readonly number: string
  readonly ref: Buffer
  /** The companion's ephemeral key, encrypted under the code. */
  readonly wrappedEphemeral: Buffer
}

/** A socket whose client shows QRs, or a code, and is not linked yet. */
export interface PairingSession extends Session {
  readonly refs: readonly string[]
  readonly registration: Registration
  readonly codeRequest: CodeRequest | undefined
  readonly isOpen: boolean
  send(node: Node): void
  close(): void
  /** The client's answer to a stanza of ours (by id), or its `companion_finish` (by ref). Rejects when it goes away. */
  expect(key: string): Promise<Node>
  /** Takes it for one phone; false when another one is linking it, or has. */
  claim(): boolean
  release(): void
  /** Why its QRs are refused at the moment, as a wrong ADV secret or an unacked refresh; undefined when they are not. */
  refusal(advSecret: Buffer): string | undefined
  /** Asks the client for a new ADV secret; `refusedSecret` is no longer good. */
  refresh(form: RefreshForm, refusedSecret: Buffer | undefined): void
  requirePasskey(): void
}

type RefreshForm = 'companion_reg_refresh' | 'pair-device-rotate-qr'

/** Clients that wait to be linked, by what a phone has in hand: the ref of a QR, or its own number. */
export interface Pairings {
  readonly open: ReadonlySet<PairingSession>
  add(session: PairingSession): void
  remove(session: PairingSession): void
  awaitCode(number: string, session: PairingSession): void
  byRef(ref: string): PairingSession | 'expired' | undefined
  /** The newest client that waits for a code to be entered on this phone. */
  byNumber(number: string): PairingSession | undefined
}

/** Refs of clients that are gone, kept so that a late scan can be told from a wrong one. */
const expiredRefsMax = 10_000

export const createPairings = (): Pairings => {
  const open = new Set<PairingSession>()
  const byRef = new Map<string, PairingSession>()
  const byNumber = new Map<string, PairingSession>()
  const expired = new Set<string>()
  return {
    open,
    add(session) {
      open.add(session)
      for (const ref of session.refs) byRef.set(ref, session)
    },
    remove(session) {
      open.delete(session)
      for (const ref of session.refs) {
        byRef.delete(ref)
        expired.add(ref)
      }
      for (const ref of expired) {
        if (expired.size <= expiredRefsMax) break
        expired.delete(ref)
      }
      for (const [number, waiting] of byNumber) if (waiting === session) byNumber.delete(number)
    },
    awaitCode(number, session) {
      byNumber.set(number, session)
    },
    byRef: (ref) => byRef.get(ref) ?? (expired.has(ref) ? 'expired' : undefined),
    byNumber: (number) => byNumber.get(number),
  }
}
