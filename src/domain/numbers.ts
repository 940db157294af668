const hourMs = 60 * 60 * 1000

/** A number that is on WhatsApp is believed to be for so long; its account may be moved or deleted. */
export const numberKnownTtlMs = 30 * 24 * hourMs
/** One that is not may be registered any day. */
export const numberAbsentTtlMs = 24 * hourMs

/** Is an answer of then still good? One of after the clock was put back is not. */
export const isFresh = (
  { jid, checkedAt }: { readonly jid: string | null; readonly checkedAt: number },
  now: number,
): boolean => now >= checkedAt && now - checkedAt < (jid === null ? numberAbsentTtlMs : numberKnownTtlMs)
