import { describe, expect, it } from 'vitest'
import { enqueue } from '../store/conformance/fixtures.ts'
import { runDevice, settled, until } from './world.ts'

describe('what a runner lets its socket write', () => {
  it('is everything while the lease is held, and nothing as soon as it is not', async () => {
    let held = true
    const { online } = await runDevice({}, { isHeld: () => held })
    const socket = await online()
    expect(socket.mayWrite()).toBe(true)
    held = false
    expect(socket.mayWrite()).toBe(false)
  })

  it('is nothing any more once the lease was lost, whatever its keeper says', async () => {
    const { online, runner } = await runDevice()
    const socket = await online()
    runner.leaseLost()
    expect(socket.drops).toBe(1)
    expect(socket.mayWrite()).toBe(false)
  })

  it('is asked with the lease that the socket was opened under', async () => {
    const asked: unknown[] = []
    const { online, lease } = await runDevice({}, { isHeld: (one) => asked.push(one) > 0 })
    const socket = await online()
    asked.length = 0
    socket.mayWrite()
    expect(asked).toEqual([lease])
  })
})

describe('a frame that was refused', () => {
  it('ends the runner: nothing more is sent, claimed or written', async () => {
    const { online, runner, store, clock, status, history } = await runDevice()
    const socket = await online()
    const before = await history()
    socket.on.onLeaseLost()
    await enqueue(store, 'm1', {}, clock.now())
    runner.pokeOutbox()
    runner.tick()
    await settled()
    await until(() => runner.over)
    expect(socket.live).toBe(false)
    expect(socket.sends).toEqual([])
    expect(await status()).toBe('connected/opened')
    expect(await history()).toEqual(before)
  })
})
