import { describe, expect, test } from 'vitest'
import { createHeldRows, heldRowsMax } from '../../../src/whatsapp/signal/held-rows.ts'

const value = (text: string): Uint8Array => Buffer.from(text)

describe('rows that wait for the next write', () => {
  test('are read until they are written, and go with it', () => {
    const held = createHeldRows()
    expect(held.add({ session: { a: value('1'), b: value('2') } })).toBe(true)
    expect(held.get('session', 'a')).toEqual(value('1'))
    expect(held.get('session', 'c')).toBeUndefined()
    const { all, written } = held.begin({ 'sender-key': { k: value('3') } })
    expect(all).toEqual({ session: { a: value('1'), b: value('2') }, 'sender-key': { k: value('3') } })
    expect(held.get('session', 'a')).toEqual(value('1'))
    written()
    expect(held.get('session', 'a')).toBeUndefined()
    expect(held.begin({ session: { c: value('4') } }).all).toEqual({ session: { c: value('4') } })
  })

  test('give way to newer ones, deletions too', () => {
    const held = createHeldRows()
    held.add({ session: { a: value('old'), b: value('old') } })
    expect(held.begin({ session: { a: value('new'), b: null } }).all).toEqual({
      session: { a: value('new'), b: null },
    })
    expect(held.get('session', 'b')).toBeNull()
  })

  test('are a thousand at most', () => {
    const held = createHeldRows()
    const rows = Object.fromEntries(Array.from({ length: heldRowsMax }, (_, at) => [`row ${at}`, value('x')]))
    expect(held.add({ session: rows })).toBe(true)
    expect(held.add({ session: { more: value('x') } })).toBe(false)
    expect(held.get('session', 'more')).toBeUndefined()
  })
})

describe('rows that are being written', () => {
  test('are read in their newest form, whichever write is done first', () => {
    const held = createHeldRows()
    const first = held.begin({ session: { a: value('1') } })
    const second = held.begin({ session: { a: value('2') } })
    first.written()
    expect(held.get('session', 'a')).toEqual(value('2'))
    second.written()
    expect(held.get('session', 'a')).toBeUndefined()
  })

  test('that were deleted twice stay so until the second deletion is written', () => {
    const held = createHeldRows()
    const first = held.begin({ session: { a: null } })
    const second = held.begin({ session: { a: value('made anew') } })
    const third = held.begin({ session: { a: null } })
    first.written()
    second.written()
    expect(held.get('session', 'a')).toBeNull()
    third.written()
    expect(held.get('session', 'a')).toBeUndefined()
  })

  test('are not taken along by a later write, only those that wait are', () => {
    const held = createHeldRows()
    held.begin({ session: { a: value('1') } })
    held.add({ session: { b: value('2') } })
    expect(held.begin({ session: { c: value('3') } }).all).toEqual({
      session: { b: value('2'), c: value('3') },
    })
    expect(held.begin({ session: { d: value('4') } }).all).toEqual({ session: { d: value('4') } })
  })

  test('stay for ever when the write fails, as the device does not go on without it', () => {
    const held = createHeldRows()
    held.begin({ session: { a: value('1') } })
    held.begin({ session: { b: value('2') } }).written()
    expect(held.get('session', 'a')).toEqual(value('1'))
  })

  test('a row that waited anew while it was written waits for the next write', () => {
    const held = createHeldRows()
    held.add({ session: { a: value('old') } })
    const { written } = held.begin({})
    held.add({ session: { a: value('newest') } })
    written()
    expect(held.get('session', 'a')).toEqual(value('newest'))
    expect(held.begin({}).all).toEqual({ session: { a: value('newest') } })
  })

  test('are full at a thousand', () => {
    const held = createHeldRows()
    const rows = (count: number, name: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name} ${at}`, value('x')]))
    const { written } = held.begin({ session: rows(heldRowsMax - 1, 'first') })
    expect(held.isFull).toBe(false)
    held.begin({ session: rows(1, 'last') })
    expect(held.isFull).toBe(true)
    written()
    expect(held.isFull).toBe(false)
  })
})
