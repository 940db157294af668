import { expect, test } from 'vitest'
import { seededRandom } from './random.ts'

const draw = (seed: number): number[] => {
  const random = seededRandom(seed)
  return Array.from({ length: 5 }, () => random.next())
}

test('a seed always gives the same numbers, another seed others', () => {
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})

test('a fork depends on the seed and its name, and not on what was drawn before', () => {
  const random = seededRandom(7)
  const before = random.fork('faults').next()
  random.next()
  expect(random.fork('faults').next()).toBe(before)
  expect(random.fork('load').next()).not.toBe(before)
})

test('between gives every integer of its range, both ends included, and nothing else', () => {
  const random = seededRandom(1)
  const seen = new Set(Array.from({ length: 500 }, () => random.between(3, 6)))
  expect([...seen].toSorted((a, b) => a - b)).toEqual([3, 4, 5, 6])
})
