/** At most so many at a time: whoever comes when all places are taken waits in line. */
export interface Turns {
  /**
   * Calls `begin` when its turn comes: at once when a place is free, else when one gets free, in the order of asking;
   * those that are `ahead` go before all others.
   */
  take(begin: () => void, options?: { readonly ahead?: boolean }): Turn
}

export interface Turn {
  /** Gives up the place, in line or not. Calling it twice is harmless. */
  end(): void
}

export const createTurns = (max: number): Turns => {
  const ahead = new Set<() => void>()
  const others = new Set<() => void>()
  let taken = 0

  const admit = (): void => {
    while (taken < max) {
      const line = ahead.size > 0 ? ahead : others
      const [next] = line
      if (next === undefined) return
      line.delete(next)
      taken += 1
      next()
    }
  }

  return {
    take(begin, options) {
      const line = options?.ahead === true ? ahead : others
      let state: 'in line' | 'begun' | 'ended' = 'in line'
      const enter = (): void => {
        state = 'begun'
        begin()
      }
      line.add(enter)
      admit()
      return {
        end() {
          if (state === 'in line') line.delete(enter)
          if (state === 'begun') taken -= 1
          state = 'ended'
          admit()
        },
      }
    },
  }
}

/** Does the work when its turn comes, and gives up the place when it has ended. */
export const inTurn = <T>(turns: Turns, work: () => Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const turn = turns.take(() => {
      void work()
        .then(resolve, reject)
        .finally(() => turn.end())
    })
  })
