import { expect, test } from 'vitest'
import { probingFromMs } from '../../src/domain/webhook.ts'
import { createLane, laneMax } from '../../src/webhooks/lane.ts'
import { settled } from '../connector/world.ts'
import { endpointOf } from '../store/conformance/webhook-fixtures.ts'

const never = new AbortController().signal
const failsSince = (failures: number, concurrency = 10) =>
  endpointOf('whk_1', { concurrency, failures, failingSince: failures === 0 ? null : 1 })

test('while an endpoint is well eight times as many are claimed as are tried at a time, to a limit', () => {
  const lane = createLane(() => undefined)
  expect(lane.room(failsSince(0))).toBe(80)
  expect(lane.room(failsSince(0, 64))).toBe(laneMax)
  expect(lane.room(failsSince(1))).toBe(10)
  expect(lane.room(failsSince(5))).toBe(1)
})

test('what is claimed takes room until it has ended, and the end of the last is told', async () => {
  let empty = 0
  const lane = createLane(() => (empty += 1))
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  lane.add(one.promise)
  lane.add(two.promise)
  expect([lane.size, lane.room(failsSince(0)), lane.room(failsSince(5))]).toEqual([2, 78, 0])
  one.resolve()
  await settled()
  expect([lane.size, empty]).toEqual([1, 0])
  two.resolve()
  await settled()
  expect([lane.size, empty]).toEqual([0, 1])
})

test('so many are tried at a time, in the order in which they came', async () => {
  const lane = createLane(() => undefined)
  const begun: number[] = []
  const turns = [1, 2, 3, 4].map(async (at) => {
    const turn = await lane.enter(failsSince(0, 2), never)
    begun.push(at)
    return turn
  })
  await settled()
  expect(begun).toEqual([1, 2])
  const first = await turns[0]
  first?.end()
  await settled()
  expect(begun).toEqual([1, 2, 3])
})

test('when five in a row have failed those in line are not tried, and those that come later are', async () => {
  const lane = createLane(() => undefined)
  const endpoint = failsSince(0, 1)
  const first = await lane.enter(endpoint, never)
  const second = lane.enter(endpoint, never)
  for (const isWell of [false, false, false, false, true, false, false, false, false]) lane.tried(isWell, 0)
  first?.end()
  const tried = await second
  expect(tried).toBeDefined()
  const third = lane.enter(endpoint, never)
  lane.tried(false, probingFromMs)
  tried?.end()
  expect(await third).toBeUndefined()
  expect(await lane.enter(endpoint, never)).toBeDefined()
})

test('the signal ends the wait, and leaves the place to others', async () => {
  const lane = createLane(() => undefined)
  const stop = new AbortController()
  const first = await lane.enter(failsSince(0, 1), never)
  const second = lane.enter(failsSince(0, 1), stop.signal)
  stop.abort()
  expect(await second).toBeUndefined()
  first?.end()
  expect(await lane.enter(failsSince(0, 1), never)).toBeDefined()
  expect(await lane.enter(failsSince(0, 2), stop.signal)).toBeUndefined()
})
