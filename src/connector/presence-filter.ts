import type { Sighting } from '../domain/event.ts'

/** Phones say every few seconds again that somebody types; the same is told again after this time. */
export const presenceRepeatMs = 10_000
/** States of one person in one chat that are told in that time, however they change. */
export const presenceChangesMax = 10
/** People in chats that are remembered. */
const peopleMax = 5_000

interface Told {
  readonly state: string
  readonly at: number
  /** Of the span that began at `since`. */
  readonly since: number
  readonly count: number
}

/** Tells apart what is new of who is there and who types. `now` is monotonic ms. */
export const createPresenceFilter = (now: () => number) => {
  const people = new Map<string, Told>()
  return {
    /** True for everything but a repeat. */
    isNews: (sighting: Sighting): boolean => {
      if (sighting.type !== 'presence.updated') return true
      const { chat, from, state } = sighting.data
      const person = `${chat} ${from.jid}`
      const at = now()
      const before = people.get(person)
      if (before?.state === state && at - before.at < presenceRepeatMs) return false
      const isSameSpan = before !== undefined && at - before.since < presenceRepeatMs
      const count = isSameSpan ? before.count + 1 : 1
      if (count > presenceChangesMax) return false
      people.delete(person)
      people.set(person, { state, at, since: isSameSpan ? before.since : at, count })
      const [oldest] = people.keys()
      if (people.size > peopleMax && oldest !== undefined) people.delete(oldest)
      return true
    },
  }
}
