import { GatewayError } from '../domain/errors.ts'
import { formatJid, parseRecipient } from '../domain/jid.ts'
import { sleep } from '../runtime/deadline.ts'
import type { Erased } from '../store/store.ts'
import type { ControlContext } from './context.ts'

export interface Erasure {
  /** How many rows of each sort were erased; of an erasure that was interrupted, those of before too. */
  readonly erased: Erased
  /** Rows that name the person still, by what they are: they are on their way, or a connector holds their device. */
  readonly left: Readonly<Record<string, number>>
}

type EraseContext = Pick<ControlContext, 'store' | 'clock' | 'blobs' | 'origin'>

/** Rows of one table that a transaction looks at: that takes a few ms. */
const windowRows = 500
/** Between two transactions, so that others have their turn. */
const stepPauseMs = 2
/** What was put so recently may belong to a file that is being written down: its bytes go with the next sweep. */
const putGraceMs = 10 * 60 * 1_000

/** The addresses of a person whom the gateway may forget. Throws GatewayError. */
export const personToErase = async (
  { store }: Pick<EraseContext, 'store'>,
  person: string,
): Promise<readonly string[]> => {
  const jid = parseRecipient(person)
  if (jid === undefined || jid.kind === 'group') {
    throw new GatewayError(
      'invalid_recipient',
      'a person is a phone number or a JID of one, …@s.whatsapp.net or …@lid',
    )
  }
  const addresses = await store.people.addressesOf(formatJid(jid))
  const own = await store.people.ownDevice(addresses)
  if (own !== undefined) {
    throw new GatewayError(
      'person_is_ours',
      `this is the account of device ${own}, who has written all that it has sent: remove the device first`,
    )
  }
  return addresses
}

const removeBytes = async (
  { store, blobs, clock }: EraseContext,
  files: readonly string[],
): Promise<void> => {
  const kept = await store.media.kept(files)
  for (const sha256 of files) {
    if (!kept.has(sha256)) await blobs.remove(sha256, clock.now() - putGraceMs)
  }
}

/**
 * Erases a person from everything but the chain of the audit trail. What was interrupted is finished when it is asked for
 * again. Throws GatewayError, `person_not_found` when nothing names them.
 */
export const erasePerson = async (ctx: EraseContext, { person }: { person: string }): Promise<Erasure> => {
  const { store, clock, origin } = ctx
  const addresses = await personToErase(ctx, person)
  const left: Record<string, number> = {}
  let cursor: string | null = null
  for (;;) {
    const step = await store.people.erase(addresses, { cursor, limit: windowRows }, origin, clock.now())
    if (step.pass !== null && step.left > 0) left[step.pass] = (left[step.pass] ?? 0) + step.left
    if (step.files.length > 0) await removeBytes(ctx, step.files)
    cursor = step.next
    if (cursor === null) {
      if (Object.keys(step.erased).length > 0 || Object.keys(left).length > 0)
        return { erased: step.erased, left }
      throw new GatewayError('person_not_found', 'nothing that is kept here names this person')
    }
    await sleep(stepPauseMs)
  }
}
