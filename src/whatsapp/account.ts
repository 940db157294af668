import type { Account } from '../domain/device.ts'
import { normalizeJid } from '../domain/jid.ts'

/** The account as Baileys' credentials name it. */
export const accountOf = (me: { id: string; lid?: string; name?: string } | undefined): Account => ({
  pn: normalizeJid(me?.id) ?? '',
  lid: normalizeJid(me?.lid) ?? null,
  pushName: me?.name === undefined || me.name === '~' ? null : me.name,
})

/** How long WhatsApp Web takes a restriction without an end to last (Baileys, messages-recv.ts). */
const restrictionDefaultMs = 60_000

/** Until when WhatsApp lets the account open no new chats; null when it may. */
export const restrictionEnd = (
  lock: { isActive?: boolean; timeEnforcementEnds?: Date },
  now: number,
): number | null =>
  lock.isActive === true ? (lock.timeEnforcementEnds?.getTime() ?? now + restrictionDefaultMs) : null
