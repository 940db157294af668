import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadlineError, sleep, withDeadline } from '../../src/runtime/deadline.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('work with a deadline', () => {
  it('gives its result when it is in time, and leaves no timer behind', async () => {
    await expect(withDeadline(Promise.resolve('done'), 1_000, 'the work')).resolves.toBe('done')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('fails with its own error when it fails in time, and leaves no timer behind', async () => {
    const error = new Error('broken')
    await expect(withDeadline(Promise.reject(error), 1_000, 'the work')).rejects.toBe(error)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('fails, and says what took how long, when the time is up', async () => {
    const late = withDeadline(new Promise(() => undefined), 1_000, 'the work').catch(
      (error: unknown) => error,
    )
    await vi.advanceTimersByTimeAsync(999)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    const error = await late
    expect(error).toBeInstanceOf(DeadlineError)
    expect(error).toMatchObject({
      message: 'the work took longer than 1000 ms',
      what: 'the work',
      afterMs: 1_000,
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('that fails after its deadline is heard of by nobody', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    try {
      const work = Promise.withResolvers<never>()
      const late = withDeadline(work.promise, 10, 'the work').catch((error: unknown) => error)
      await vi.advanceTimersByTimeAsync(10)
      expect(await late).toBeInstanceOf(DeadlineError)
      work.reject(new Error('too late to matter'))
      vi.useRealTimers()
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listen)
    }
  })
})

describe('a sleep', () => {
  it('ends after its time', async () => {
    let awake = false
    const sleeper = async (): Promise<void> => {
      await sleep(1_000)
      awake = true
    }
    const slept = sleeper()
    await vi.advanceTimersByTimeAsync(999)
    expect(awake).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await slept
    expect(awake).toBe(true)
  })

  it('ends at once when it is aborted, without an error and without a timer left', async () => {
    const abort = new AbortController()
    const slept = sleep(1_000, abort.signal)
    abort.abort()
    await expect(slept).resolves.toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does not begin when it was aborted before', async () => {
    await expect(sleep(1_000, AbortSignal.abort())).resolves.toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no listener on its signal', async () => {
    const abort = new AbortController()
    const remove = vi.spyOn(abort.signal, 'removeEventListener')
    const slept = sleep(10, abort.signal)
    await vi.advanceTimersByTimeAsync(10)
    await slept
    expect(remove).toHaveBeenCalledTimes(1)
  })
})
