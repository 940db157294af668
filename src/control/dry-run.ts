import { isFresh } from '../domain/numbers.ts'
import { formatJid, type Jid, type Party } from '../domain/jid.ts'
import { plainPlan, type Plan } from '../domain/plan.ts'
import type { ControlContext } from './context.ts'
import { linkedAccount } from './linked-account.ts'
import { partyOf, type Said } from './submit.ts'

/** What a request would do. */
export interface WouldBe {
  readonly kind: 'would_be'
  /** The recipient's JID. */
  readonly to: string
  readonly chat: Party
  readonly said: Said
  readonly plan: Plan
  /** What WhatsApp last said of the number; null when it would be asked first, or is not asked. */
  readonly onWhatsApp: boolean | null
}

/** What would be sent, when all that can be checked without WhatsApp has been. Writes nothing. */
export const dryRun = async (
  { store, clock }: ControlContext,
  deviceId: string,
  jid: Jid,
  said: Said,
  plan: Plan = plainPlan,
): Promise<WouldBe> => {
  linkedAccount((await store.devices.get(deviceId))?.device, deviceId)
  const chat = await store.addresses.complete(deviceId, partyOf(jid))
  const noted = jid.kind === 'phone' ? await store.numbers.get(jid.user) : undefined
  const onWhatsApp = noted !== undefined && isFresh(noted, clock.now()) ? noted.jid !== null : null
  return { kind: 'would_be', to: formatJid(jid), chat, said, plan, onWhatsApp }
}
