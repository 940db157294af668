import { describe, expect, it, onTestFinished } from 'vitest'
import { type Loop, type LoopOptions, startLoop } from '../../src/runtime/loop.ts'

/** Longer than any test: a tick that comes is then one that was poked or wanted. */
const neverMs = 1_000_000

/** A loop whose ticks the test ends one by one. */
const stepped = ({ pollMs = neverMs }: { pollMs?: number } = {}) => {
  let begun = 0
  let running = 0
  let most = 0
  const errors: unknown[] = []
  let awaited = Promise.withResolvers<void>()
  let current = Promise.withResolvers<number | undefined>()
  const options: LoopOptions = {
    pollMs,
    onError: (error) => errors.push(error),
    async tick() {
      begun += 1
      running += 1
      most = Math.max(most, running)
      current = Promise.withResolvers()
      awaited.resolve()
      try {
        return await current.promise
      } finally {
        running -= 1
      }
    },
  }
  const loop: Loop = startLoop(options)
  onTestFinished(async () => {
    current.resolve(undefined)
    await loop.stop()
  })
  return {
    loop,
    errors,
    ticks: () => begun,
    mostAtOnce: () => most,
    /** Ends the tick that runs, and waits for the next. */
    next: (returned?: number): Promise<void> => {
      awaited = Promise.withResolvers()
      current.resolve(returned)
      return awaited.promise
    },
    finish: (returned?: number) => current.resolve(returned),
    /** Lets the tick that runs fail, and waits for the next. */
    fail: (why: Error): Promise<void> => {
      awaited = Promise.withResolvers()
      current.reject(why)
      return awaited.promise
    },
  }
}

/** All that is ready to run has run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a loop', () => {
  it('ticks at once when it starts', () => {
    expect(stepped().ticks()).toBe(1)
  })

  it('rests after a tick until it is poked', async () => {
    const { loop, ticks, finish } = stepped()
    finish()
    await settled()
    expect(ticks()).toBe(1)
    loop.poke()
    await settled()
    expect(ticks()).toBe(2)
  })

  it('ticks once more after a tick in which it was poked, however often', async () => {
    const { loop, ticks, next, finish } = stepped()
    loop.poke()
    loop.poke()
    loop.poke()
    expect(ticks()).toBe(1)
    await next()
    expect(ticks()).toBe(2)
    finish()
    await settled()
    expect(ticks()).toBe(2)
  })

  it('never runs two ticks at once', async () => {
    const { loop, next, mostAtOnce } = stepped()
    for (let i = 0; i < 10; i += 1) {
      loop.poke()
      await next()
    }
    expect(mostAtOnce()).toBe(1)
  })

  it('ticks by itself when its poll time has passed', async () => {
    const { ticks, next } = stepped({ pollMs: 1 })
    await next()
    await next()
    expect(ticks()).toBe(3)
  })

  it('ticks sooner when a tick wants it so', async () => {
    const { ticks, next } = stepped()
    await next(1)
    await next(0)
    await next(-5)
    expect(ticks()).toBe(4)
  })

  it('does not wait longer than its poll time when a tick wants it so', async () => {
    const { ticks, next } = stepped({ pollMs: 1 })
    await next(neverMs)
    expect(ticks()).toBe(2)
  })

  it('goes on after a tick that has failed, and tells of it', async () => {
    const { loop, errors, ticks, fail } = stepped()
    const error = new Error('no luck')
    loop.poke()
    await fail(error)
    expect(errors).toEqual([error])
    expect(ticks()).toBe(2)
  })

  it('rests for its poll time after a tick that has failed', async () => {
    let ticks = 0
    const failed = Promise.withResolvers<unknown>()
    const loop = startLoop({
      pollMs: neverMs,
      onError: failed.resolve,
      tick: () => {
        ticks += 1
        throw new Error('before the first await')
      },
    })
    expect(await failed.promise).toBeInstanceOf(Error)
    await settled()
    expect(ticks).toBe(1)
    await loop.stop()
  })
})

describe('a loop that is stopped', () => {
  it('ends the running tick first', async () => {
    const { loop, finish } = stepped()
    let stopped = false
    const stopper = async (): Promise<void> => {
      await loop.stop()
      stopped = true
    }
    const stop = stopper()
    await settled()
    expect(stopped).toBe(false)
    finish()
    await stop
    expect(stopped).toBe(true)
  })

  it('ends at once when it rests', async () => {
    const { loop, ticks, finish } = stepped()
    finish()
    await settled()
    await loop.stop()
    expect(ticks()).toBe(1)
  })

  it('ticks no more, poked or not', async () => {
    const { loop, ticks, finish } = stepped()
    loop.poke()
    const stop = loop.stop()
    finish(0)
    await stop
    loop.poke()
    await settled()
    expect(ticks()).toBe(1)
  })

  it('may be stopped twice', async () => {
    const { loop, finish } = stepped()
    finish()
    await Promise.all([loop.stop(), loop.stop()])
    await expect(loop.stop()).resolves.toBeUndefined()
  })
})
