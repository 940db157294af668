/** When a file that came with a message is fetched, and what becomes of it when that fails. Pure. */
import { backoffMs, type BackoffLimits, type Random } from './backoff.ts'
import type { MessageFailure } from './message.ts'
import type { RemoteKind } from './media.ts'

/** Which files are fetched as they come; the others when somebody asks for them. */
export interface AutoFetch {
  readonly kinds: ReadonlySet<RemoteKind>
  readonly bytesMax: number
}

/** A size of 0 is one that the message does not name: the limit holds while it comes. */
export const isFetchedAtOnce = (
  { kinds, bytesMax }: AutoFetch,
  { kind, bytes }: { readonly kind: RemoteKind; readonly bytes: number },
): boolean => kinds.has(kind) && bytes <= bytesMax

/** Why a file could not be fetched. */
export type FetchFailure =
  /** The media host has it no more, and the phone has not. */
  | 'gone'
  /** The media host has it no more, and the phone did not answer. */
  | 'no_phone'
  /** What came is not what the message names. */
  | 'corrupt'
  | 'too_large'
  /** No media host answered as it should. */
  | 'unreachable'
  /** It could not be written here. */
  | 'not_kept'

export type AfterFetch =
  | { readonly state: 'stored'; readonly sha256: string; readonly bytes: number }
  | { readonly state: 'waiting'; readonly dueAt: number; readonly error: MessageFailure }
  | { readonly state: 'failed'; readonly error: MessageFailure }

const secondMs = 1_000
const minuteMs = 60 * secondMs

/** A phone may be off for hours; a media host is back sooner. */
const patience: Readonly<
  Record<FetchFailure, { readonly attemptsMax: number; readonly backoff: BackoffLimits }>
> = {
  gone: { attemptsMax: 1, backoff: { baseMs: 0, maxMs: 0 } },
  too_large: { attemptsMax: 1, backoff: { baseMs: 0, maxMs: 0 } },
  corrupt: { attemptsMax: 3, backoff: { baseMs: 5 * secondMs, maxMs: minuteMs } },
  no_phone: { attemptsMax: 14, backoff: { baseMs: minuteMs, maxMs: 6 * 60 * minuteMs } },
  unreachable: { attemptsMax: 20, backoff: { baseMs: 2 * secondMs, maxMs: 10 * minuteMs } },
  not_kept: { attemptsMax: 20, backoff: { baseMs: 2 * secondMs, maxMs: 10 * minuteMs } },
}

/** Nothing waits longer: a time that lies further ahead was set before the wall clock was put back, and has come. */
export const fetchAheadMaxMs = 6 * 60 * minuteMs

/** `attempts` counts this one. */
export const afterFailedFetch = (
  failure: FetchFailure,
  detail: string,
  attempts: number,
  now: number,
  random: Random,
): AfterFetch => {
  const { attemptsMax, backoff } = patience[failure]
  const code = `media_${failure}`
  return attempts >= attemptsMax
    ? { state: 'failed', error: { code, detail } }
    : { state: 'waiting', dueAt: now + backoffMs(attempts, backoff, random), error: { code, detail } }
}
