import { describe, expect, test } from 'vitest'
import type { KeyChanges } from '../../../src/store/store.ts'
import { createHeldRows } from '../../../src/whatsapp/signal/held-rows.ts'

const value = (text: string): Uint8Array => Buffer.from(text)
const written = () => {
  const writes: KeyChanges[] = []
  return { writes, write: async (all: KeyChanges) => void writes.push(all) }
}

describe('rows that wait for the next write', () => {
  test('are read until they are written, and go with it', async () => {
    const held = createHeldRows()
    const { writes, write } = written()
    expect(held.add({ session: { a: value('1'), b: value('2') } })).toBe(true)
    expect(held.get('session', 'a')).toEqual(value('1'))
    expect(held.get('session', 'c')).toBeUndefined()
    await held.writeWith({ 'sender-key': { k: value('3') } }, write)
    expect(writes).toEqual([{ session: { a: value('1'), b: value('2') }, 'sender-key': { k: value('3') } }])
    expect(held.get('session', 'a')).toBeUndefined()
    await held.writeWith({ session: { c: value('4') } }, write)
    expect(writes[1]).toEqual({ session: { c: value('4') } })
  })

  test('give way to newer ones, deletions too', async () => {
    const held = createHeldRows()
    const { writes, write } = written()
    held.add({ session: { a: value('old'), b: value('old') } })
    await held.writeWith({ session: { a: value('new'), b: null } }, write)
    expect(writes).toEqual([{ session: { a: value('new'), b: null } }])
  })

  test('are read while they are being written, in their newest form', async () => {
    const held = createHeldRows()
    held.add({ session: { a: value('old'), b: value('kept') } })
    const { promise, resolve } = Promise.withResolvers<void>()
    const writing = held.writeWith({ session: { a: value('new') } }, () => promise)
    expect(held.get('session', 'a')).toEqual(value('new'))
    expect(held.get('session', 'b')).toEqual(value('kept'))
    held.add({ session: { b: value('newest') } })
    resolve()
    await writing
    expect(held.get('session', 'a')).toBeUndefined()
    expect(held.get('session', 'b')).toEqual(value('newest'))
  })

  test('are not lost by a write that fails', async () => {
    const held = createHeldRows()
    held.add({ session: { a: value('1') } })
    const failed = held.writeWith({}, async () => {
      throw new Error('the disk is full')
    })
    await expect(failed).rejects.toThrow('full')
    expect(held.get('session', 'a')).toEqual(value('1'))
  })

  test('are a thousand at most', () => {
    const held = createHeldRows()
    const rows = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`row ${at}`, value('x')]))
    expect(held.add({ session: rows })).toBe(true)
    expect(held.add({ session: { more: value('x') } })).toBe(false)
    expect(held.get('session', 'more')).toBeUndefined()
  })
})
