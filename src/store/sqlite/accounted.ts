/**
 * What the work of a verb must return: its result, and how it answers for what it has written. A verb that changes something
 * without an audit entry does not compile.
 */

declare const receipt: unique symbol
declare const accounted: unique symbol

/** The id of an audit entry, which only the tracer gives, when it has written it. */
export type Receipt = string & { readonly [receipt]: true }

export interface Accounted<T> {
  readonly value: T
  readonly [accounted]: true
}

/**
 * Writes that nobody would ask "who did this?" of:
 *
 * - `lease`: who works, which the leases themselves tell
 * - `keys`: ratchets and credentials, and the journal of what they have decrypted
 * - `cache`: what WhatsApp has told us and could be asked again: addresses, numbers, uploads
 * - `index`: what is worked out from other rows
 * - `step`: a part of an attempt that has its entry, at its begin and at its end
 * - `delivery`: how an event came to an endpoint, which has rows of its own for each attempt
 * - `sighting`: what was seen on an account: the event is all that there is
 * - `prune`: rows whose time is up and that nobody is shown
 * - `gateway`: what a process notes for itself
 */
export type Exempt =
  | 'lease'
  | 'keys'
  | 'cache'
  | 'index'
  | 'step'
  | 'delivery'
  | 'sighting'
  | 'prune'
  | 'gateway'

const account = <T>(value: T): Accounted<T> => ({ value }) as Accounted<T>

/** A receipt, or what a part of the work has answered for by itself. */
type Proof = Receipt | Accounted<unknown>

/** The entry is written; with a list, one for each thing that was changed, which may be none. */
export const audited = <T>(_proofs: Proof | readonly Proof[], value: T): Accounted<T> => account(value)

/** Nothing was written. */
export const unchanged = <T>(value: T): Accounted<T> => account(value)

export const unaudited = <T>(_why: Exempt, value: T): Accounted<T> => account(value)
