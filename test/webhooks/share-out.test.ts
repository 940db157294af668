import { expect, test } from 'vitest'
import { attemptsMax, shareOut } from '../../src/webhooks/share-out.ts'

const limits = (asking: Parameters<typeof shareOut>[0], free: number) =>
  Object.fromEntries(shareOut(asking, free).map(({ endpointId, limit }) => [endpointId, limit]))

test('who is alone gets all the room that it has', () => {
  expect(limits([{ endpointId: 'a', underWay: 4, room: 6 }], attemptsMax)).toEqual({ a: 6 })
  expect(limits([{ endpointId: 'a', underWay: 4, room: 60 }], 20)).toEqual({ a: 20 })
})

test('who has no room gets nothing', () => {
  expect(limits([{ endpointId: 'a', underWay: 0, room: 0 }], 100)).toEqual({})
})

test('several share what is free, and what one does not need goes to the others', () => {
  const asking = [
    { endpointId: 'a', underWay: 30, room: 50 },
    { endpointId: 'b', underWay: 2, room: 3 },
    { endpointId: 'c', underWay: 9, room: 50 },
  ]
  expect(limits(asking, 31)).toEqual({ b: 3, c: 14, a: 14 })
})

test('one that has nothing under way gets one though the others hold everything', () => {
  const asking = [
    { endpointId: 'slow', underWay: 64, room: 10 },
    { endpointId: 'idle', underWay: 0, room: 10 },
  ]
  expect(limits(asking, 0)).toEqual({ idle: 1 })
  expect(limits(asking, -3)).toEqual({ idle: 1 })
})
