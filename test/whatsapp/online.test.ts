import { expect, test, vi } from 'vitest'
import { createOnline } from '../../src/whatsapp/online.ts'

const world = () => {
  const said: string[] = []
  const online = createOnline({ sendPresenceUpdate: async (presence) => void said.push(presence) })
  return { online, said }
}

test('an account is online until the last who needs it is done', async () => {
  const { online, said } = world()
  await online.hold('a message')
  await online.hold('a chat')
  await online.release('a message')
  expect(said).toEqual(['available', 'available'])
  await online.release('a chat')
  await online.release('a chat')
  expect(said).toEqual(['available', 'available', 'unavailable'])
})

test('who says so again is online for as long as from then on, and then no more', async () => {
  vi.useFakeTimers()
  try {
    const { online, said } = world()
    await online.hold('a chat', 1_000)
    await vi.advanceTimersByTimeAsync(999)
    await online.hold('a chat', 1_000)
    await vi.advanceTimersByTimeAsync(999)
    expect(said).toEqual(['available', 'available'])
    await vi.advanceTimersByTimeAsync(1)
    expect(said).toEqual(['available', 'available', 'unavailable'])
  } finally {
    vi.useRealTimers()
  }
})

test('a socket that is gone is not online', async () => {
  const online = createOnline({ sendPresenceUpdate: () => Promise.reject(new Error('Connection Closed')) })
  await expect(online.hold('a chat')).rejects.toThrow('Connection Closed')
  await expect(online.release('a chat')).resolves.toBeUndefined()
})
