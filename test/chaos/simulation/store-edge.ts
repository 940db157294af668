/**
 * The real store as one process reaches it: each verb is a turn on the way there and one on the way back, so that a
 * process can stop before it, after it, and while it does not know yet. Some writes are refused.
 */
import { StaleLeaseError, type Lease } from '../../../src/domain/lease.ts'
import { StoreError, type Store } from '../../../src/store/store.ts'
import type { Party } from './event-loop.ts'
import type { Frame } from './frame.ts'

/** A verb that the database has carried out, in the order of the commits. */
export interface Carried {
  readonly process: Party
  /** `outbox.claim`. */
  readonly verb: string
  readonly given: readonly unknown[]
  /** What it was called with first, when that is a lease. */
  readonly lease: Lease | undefined
  readonly outcome: { readonly value: unknown } | { readonly error: unknown }
}

export interface Witness {
  /** The verb is on its way into the database; may see more of what it is given. */
  begins(verb: string, given: readonly unknown[]): readonly unknown[]
  saw(carried: Carried): Promise<void>
}

/** Refusals of the database: which, and how likely a write is to meet one. */
export interface Refusals {
  kind: StoreError['kind']
  probability: number
}

const parts = [
  'devices',
  'messages',
  'outbox',
  'auth',
  'inbound',
  'addresses',
  'leases',
  'events',
  'audit',
] as const

const reads: ReadonlySet<string> = new Set([
  'get',
  'list',
  'unsettled',
  'history',
  'content',
  'nextDue',
  'creds',
  'keys',
  'journaled',
  'pending',
  'complete',
  'after',
  'latest',
])

/** Of a verb such as `outbox.claim`. */
export const isRead = (name: string): boolean => reads.has(name.slice(name.indexOf('.') + 1))

const isLease = (value: unknown): value is Lease =>
  typeof value === 'object' && value !== null && 'epoch' in value && 'owner' in value && 'name' in value

const brief = (value: unknown): string => {
  if (isLease(value)) return `${value.name}#${value.epoch}`
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return `[${value.map(brief).join(' ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Uint8Array) return `${value.length}B`
  const { id, messageId, kind, state, status, whatsappIds, stanzaKey, message, desired, stored } =
    value as Record<string, unknown>
  return [id, messageId, kind, state, status, desired, whatsappIds, stanzaKey, message, stored]
    .filter((part) => part !== undefined && part !== null)
    .map(brief)
    .join(' ')
}

const outcomeText = (outcome: Carried['outcome']): string => {
  if ('value' in outcome) return outcome.value === undefined ? '' : `-> ${brief(outcome.value)}`
  const { error } = outcome
  if (error instanceof StaleLeaseError) return '-> stale'
  return `-> ${error instanceof Error ? `${error.name} ${error.message}` : String(error)}`
}

const tellsOf = (value: unknown): boolean =>
  typeof value === 'string' ||
  isLease(value) ||
  Array.isArray(value) ||
  (typeof value === 'object' && value !== null && !('actor' in value))

const latencyMaxMs = 3
/** A commit waits for the disk. */
const commitMaxMs = 12

type Verb = (...given: unknown[]) => unknown

export interface EdgeOptions {
  readonly frame: Frame
  readonly store: Store
  readonly process: Party
  readonly witness: Witness
  readonly refusals: Refusals
}

export const createStoreEdge = ({ frame, store, process, witness, refusals }: EdgeOptions): Store => {
  const { loop } = frame
  const luck = frame.random.fork(`store of ${process.name}`)
  const later = (maxMs: number, work: () => void): void => loop.after(process, luck.next() * maxMs, work)
  const refusal = (): StoreError | undefined =>
    frame.mishap(luck, refusals.probability)
      ? new StoreError(refusals.kind, `the database is ${refusals.kind}`)
      : undefined

  const asked =
    (name: string, real: Verb): Verb =>
    (...given) => {
      const reading = isRead(name)
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      const end = async (): Promise<void> => {
        const seen = witness.begins(name, given)
        let outcome: Carried['outcome']
        try {
          outcome = { value: await loop.as(frame.database, () => real(...seen)) }
        } catch (error) {
          outcome = { error }
        }
        if (!reading) {
          const tells = given.filter(tellsOf).map(brief).join(' ')
          frame.note(process.name, `${name} ${tells} ${outcomeText(outcome)}`)
          const lease = isLease(given[0]) ? given[0] : undefined
          await witness.saw({ process, verb: name, given, lease, outcome })
        }
        frame.ambush?.(process, name)
        later(reading ? latencyMaxMs : commitMaxMs, () => {
          if ('error' in outcome) reject(outcome.error)
          else resolve(outcome.value)
        })
      }
      later(latencyMaxMs, () => {
        const refused = reading ? undefined : refusal()
        if (refused !== undefined) {
          frame.count('writes refused')
          frame.note(process.name, `${name} refused: ${refused.kind}`)
          return reject(refused)
        }
        void end()
      })
      return promise
    }

  /** The one verb that does not wait. */
  const now =
    (name: string, real: Verb): Verb =>
    (...given) => {
      const refused = refusal()
      if (refused !== undefined) {
        frame.count('writes refused')
        frame.note(process.name, `${name} refused: ${refused.kind}`)
        throw refused
      }
      const seen = witness.begins(name, given)
      const lease = isLease(given[0]) ? given[0] : undefined
      try {
        const value = real(...seen)
        void witness.saw({ process, verb: name, given, lease, outcome: { value } })
        frame.note(process.name, `${name} ${given.filter(tellsOf).map(brief).join(' ')}`)
        return value
      } catch (error) {
        void witness.saw({ process, verb: name, given, lease, outcome: { error } })
        frame.note(process.name, `${name} ${outcomeText({ error })}`)
        throw error
      }
    }

  const wrapped = parts.map((part) => {
    const verbs = Object.entries(store[part] as unknown as Record<string, Verb>).map(([verb, real]) => {
      const name = `${part}.${verb}`
      return [verb, verb === 'saveCredsNow' ? now(name, real) : asked(name, real)]
    })
    return [part, Object.fromEntries(verbs)]
  })
  return {
    ...store,
    ...(Object.fromEntries(wrapped) as Pick<Store, (typeof parts)[number]>),
    // A hint: it may be late, and it may be lost.
    onChange: (listener) =>
      store.onChange(() => {
        if (!frame.mishap(luck, 0.1)) later(latencyMaxMs, listener)
      }),
  }
}
