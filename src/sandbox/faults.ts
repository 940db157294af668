import type { Account, Companion } from './state/account.ts'
import { jidOf } from './state/account.ts'
import { parseJid } from './protocol/jid.ts'

/** Faults that wait for their occasion, and are used up by it. */
export type CountedKind =
  | 'lose-acks'
  | 'duplicate'
  | 'nack'
  | 'reject-upgrade'
  | 'silent-handshake'
  | 'garble'
  | 'unavailable'
  | 'media-upload'
  | 'media-download'
  | 'media-corrupt'

interface CountedFault {
  readonly kind: CountedKind
  /** A phone number or a companion's JID; undefined means all. */
  readonly device: string | undefined
  /** Times that are left. */
  left: number
  /** HTTP status of a rejected upgrade, upload or download, or code of a nack. */
  readonly code: number | undefined
  /** Of a nack: the account that the message must be for. */
  readonly to?: string | undefined
  /** Of a message that is made unreadable: the phone does not send it again. */
  readonly isLost?: boolean
}

interface DelayFault {
  readonly kind: 'delay'
  readonly device: string | undefined
  readonly ms: number
}

/** Downloads come slowly: so many ms for each 16 KB. */
interface SlowMediaFault {
  readonly kind: 'media-slow'
  readonly ms: number
}

type ActiveFault = CountedFault | DelayFault | SlowMediaFault

/** The faults that are waiting or in force. Those that happen at once (drop, logout…) leave nothing here. */
export interface Faults {
  readonly active: readonly ActiveFault[]
  add(fault: ActiveFault): void
  /** Uses up one occasion of a fault that is meant for this companion (or socket); undefined when there is none. */
  consume(kind: CountedKind, companion?: Companion, to?: Account): CountedFault | undefined
  delayMs(companion: Companion | undefined): number
  /** ms before each piece of a download. */
  mediaGapMs(): number
  clear(): void
}

/** Whether a fault's `device` means this companion: absent all, a number (or bare JID) the account's, a device JID just it. */
export const isMeant = (device: string | undefined, companion: Companion | undefined): boolean => {
  if (device === undefined) return true
  if (companion === undefined) return false
  const jid = parseJid(device)
  if (jid === undefined) return device === companion.account.number
  if (jid.device === 0) return jid.user === companion.account.number || jid.user === companion.account.lid
  return [
    jidOf(companion.account, companion.device),
    jidOf(companion.account, companion.device, 'lid'),
  ].includes(device)
}

export const createFaults = (): Faults => {
  let active: ActiveFault[] = []
  return {
    get active() {
      return active
    },
    add(fault) {
      const replaces = (other: ActiveFault): boolean =>
        (fault.kind === 'delay' && other.kind === 'delay' && other.device === fault.device) ||
        (fault.kind === 'media-slow' && other.kind === 'media-slow')
      active = [...active.filter((other) => !replaces(other)), fault]
    },
    consume(kind, companion, to) {
      const fault = active.find(
        (each): each is CountedFault =>
          each.kind === kind &&
          isMeant(each.device, companion) &&
          (each.to === undefined || each.to === to?.number),
      )
      if (fault === undefined) return undefined
      fault.left--
      if (fault.left <= 0) active = active.filter((other) => other !== fault)
      return fault
    },
    delayMs(companion) {
      let ms = 0
      for (const fault of active) {
        if (fault.kind === 'delay' && isMeant(fault.device, companion)) ms = Math.max(ms, fault.ms)
      }
      return ms
    },
    mediaGapMs: () => active.find((fault) => fault.kind === 'media-slow')?.ms ?? 0,
    clear() {
      active = []
    },
  }
}
