/** Attempts under way in all. */
export const attemptsMax = 256

export interface Asking {
  readonly endpointId: string
  readonly underWay: number
  /** So many more may be under way there. */
  readonly room: number
}

/**
 * How many deliveries each endpoint may have claimed now. Who has the fewest under way is asked first, and one that has none gets one
 * whatever the others hold: nobody waits for an endpoint that is slow.
 */
export const shareOut = (
  asking: readonly Asking[],
  free: number,
): readonly { readonly endpointId: string; readonly limit: number }[] => {
  let left = Math.max(0, free)
  const sorted = asking.toSorted((a, b) => a.underWay - b.underWay)
  return sorted.flatMap(({ endpointId, underWay, room }, at) => {
    const part = Math.min(room, Math.ceil(left / (sorted.length - at)))
    const limit = underWay === 0 ? Math.max(Math.min(1, room), part) : part
    left = Math.max(0, left - limit)
    return limit > 0 ? [{ endpointId, limit }] : []
  })
}
