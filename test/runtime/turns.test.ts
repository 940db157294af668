import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTurns, type Turn } from '../../src/runtime/turns.ts'

const world = (max: number) => {
  const turns = createTurns(max)
  const begun: string[] = []
  const take = (name: string, ahead = false): Turn => turns.take(() => begun.push(name), { ahead })
  return { begun, take }
}

describe('turns', () => {
  it('begin at once while there is a place, and then in the order of asking', () => {
    const { begun, take } = world(2)
    const [a, b] = [take('a'), take('b')]
    take('c')
    take('d')
    expect(begun).toEqual(['a', 'b'])
    b.end()
    expect(begun).toEqual(['a', 'b', 'c'])
    a.end()
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
  })

  it('that are ahead come before those that have waited longer, and in order among themselves', () => {
    const { begun, take } = world(1)
    const first = take('first')
    const waits = take('waits')
    const turns = [take('urgent', true), take('urgent too', true)]
    for (const turn of [first, ...turns]) turn.end()
    expect(begun).toEqual(['first', 'urgent', 'urgent too', 'waits'])
    waits.end()
  })

  it('that are given up in line never begin, and hold up nobody', () => {
    const { begun, take } = world(1)
    const first = take('first')
    const gone = take('gone')
    take('next')
    gone.end()
    first.end()
    expect(begun).toEqual(['first', 'next'])
  })

  it('end once: a second end frees no place', () => {
    const { begun, take } = world(1)
    const first = take('first')
    first.end()
    take('second')
    first.end()
    take('third')
    expect(begun).toEqual(['first', 'second'])
  })

  it('never run more than there are places, and leave none free while somebody waits', () => {
    const act = fc.record({ end: fc.boolean(), ahead: fc.boolean(), which: fc.nat() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 60 }), (max, acts) => {
        const turns = createTurns(max)
        const running = new Set<number>()
        const open = new Map<number, Turn>()
        for (const [id, { end, ahead, which }] of acts.entries()) {
          const chosen = [...open.keys()][which % Math.max(1, open.size)]
          if (end && chosen !== undefined) {
            const turn = open.get(chosen)
            open.delete(chosen)
            running.delete(chosen)
            turn?.end()
          } else {
            open.set(
              id,
              turns.take(() => running.add(id), { ahead }),
            )
          }
          expect(running.size).toBe(Math.min(max, open.size))
        }
      }),
    )
  })
})
