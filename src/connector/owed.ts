import type { Observation } from '../domain/device.ts'

/** Observations on their way into the row. What the store refuses stays, and goes with the next that it takes. */
export interface Owed {
  /** Those of one generation are one word: the newest counts, and no event is lost. */
  add(generation: number, observation: Observation): void
  /** Writes all there is; rejects with why it cannot. */
  pay(): Promise<void>
  readonly none: boolean
}

export const createOwed = (
  write: (generation: number, observation: Observation) => Promise<unknown>,
): Owed => {
  const owed: { readonly generation: number; readonly observation: Observation }[] = []
  return {
    add(generation, observation) {
      const last = owed.at(-1)
      if (last?.generation !== generation) {
        owed.push({ generation, observation })
        return
      }
      const events = [...(last.observation.events ?? []), ...(observation.events ?? [])]
      owed[owed.length - 1] = { generation, observation: { ...last.observation, ...observation, events } }
    },
    async pay() {
      for (let next = owed[0]; next !== undefined; next = owed[0]) {
        await write(next.generation, next.observation)
        owed.shift()
      }
    },
    get none() {
      return owed.length === 0
    },
  }
}
