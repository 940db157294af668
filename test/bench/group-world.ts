/** Groups for the benchmarks: phones of their own, switched on and off together. */
import type { World } from '../flows/world.ts'
import { each } from './gateway.ts'

const requestsAtOnce = 16

/** Makes phones that nobody has met. */
export const createPhones = async (world: World, prefix: string, count: number): Promise<string[]> => {
  const numbers = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(4, '0')}`)
  await each(numbers, requestsAtOnce, (number) => world.createPhone(number))
  return numbers
}

/** Off, a phone takes nothing in: what it would do with the messages is no part of a measurement. */
export const switchPhones = async (world: World, numbers: readonly string[], on: boolean): Promise<void> => {
  await each(numbers, requestsAtOnce, (number) => world.phone('POST', `/phones/${number}/power`, { on }))
  await world.stats()
}
