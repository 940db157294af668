/** Numbers that a seed decides, so that a run can be had again. */
export interface SeededRandom {
  /** In [0, 1). */
  next(): number
  /** An integer in [min, max]. */
  between(min: number, max: number): number
  pick<T>(values: readonly T[]): T
  /** Another sequence, decided by this seed and `name`: drawing from one leaves the others as they are. */
  fork(name: string): SeededRandom
}

const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193)
  return value >>> 0
}

/** mulberry32 (Tommy Ettinger, public domain): small, and good enough to choose faults with. */
export const seededRandom = (seed: number): SeededRandom => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    between,
    pick(values) {
      const value = values[between(0, values.length - 1)]
      if (value === undefined) throw new RangeError('nothing to pick from')
      return value
    },
    fork: (name) => seededRandom(hash(`${seed} ${name}`)),
  }
}
