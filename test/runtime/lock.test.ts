import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLock } from '../../src/runtime/lock.ts'

describe('a lock', () => {
  it('runs one work after the other, in the order of the calls', async () => {
    const lock = createLock()
    const order: string[] = []
    const first = Promise.withResolvers<void>()
    const all = Promise.all([
      lock(async () => {
        order.push('first begins')
        await first.promise
        order.push('first ends')
      }),
      lock(() => order.push('second')),
      lock(async () => order.push('third')),
    ])
    first.resolve()
    await all
    expect(order).toEqual(['first begins', 'first ends', 'second', 'third'])
  })

  it('gives each caller its own result', async () => {
    const lock = createLock()
    expect(await Promise.all([lock(() => 1), lock(async () => 'two'), lock(() => null)])).toEqual([
      1,
      'two',
      null,
    ])
  })

  it('gives a failure to its caller alone', async () => {
    const lock = createLock()
    const results = await Promise.allSettled([
      lock(() => Promise.reject(new Error('later'))),
      lock(() => {
        throw new Error('at once')
      }),
      lock(() => 'runs all the same'),
    ])
    expect(results).toMatchObject([
      { status: 'rejected', reason: new Error('later') },
      { status: 'rejected', reason: new Error('at once') },
      { status: 'fulfilled', value: 'runs all the same' },
    ])
  })

  it('does not hold up another lock', async () => {
    const held = Promise.withResolvers<void>()
    const waiting = createLock()(() => held.promise)
    await expect(createLock()(() => 'free')).resolves.toBe('free')
    held.resolve()
    await waiting
  })

  it('never has two works in it, whichever of them wait or fail', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.record({ waits: fc.boolean(), fails: fc.boolean() }), { maxLength: 8 }),
        async (scheduler, works) => {
          const lock = createLock()
          let inside = 0
          const order: number[] = []
          const runs = works.map(({ waits, fails }, i) =>
            lock(async () => {
              inside += 1
              expect(inside).toBe(1)
              order.push(i)
              if (waits) await scheduler.schedule(Promise.resolve())
              inside -= 1
              if (fails) throw new Error(`work ${i}`)
            }),
          )
          const ended = Promise.allSettled(runs)
          await scheduler.waitFor(ended)
          const states = (await ended).map(({ status }) => status === 'rejected')
          expect(states).toEqual(works.map(({ fails }) => fails))
          expect(order).toEqual(works.map((_, i) => i))
        },
      ),
    )
  })
})
