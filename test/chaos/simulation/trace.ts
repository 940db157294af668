import { createHash } from 'node:crypto'

/** What happened, step for step: its hash tells whether two runs were the same. */
export interface Trace {
  add(at: number, who: string, what: string): void
  readonly hash: string
  readonly steps: number
  /** The last ones, oldest first. */
  last(): readonly string[]
}

const keptSteps = 60

export const createTrace = (): Trace => {
  const hash = createHash('sha256')
  const kept: string[] = []
  let steps = 0
  return {
    add(at, who, what) {
      const line = `${at.toFixed(1).padStart(9)} ${who.padEnd(8)} ${what}`
      hash.update(line).update('\n')
      steps += 1
      kept.push(line)
      if (kept.length > keptSteps) kept.shift()
    },
    get hash() {
      return hash.copy().digest('hex').slice(0, 16)
    },
    get steps() {
      return steps
    },
    last: () => [...kept],
  }
}
