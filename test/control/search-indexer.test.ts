import { expect, onTestFinished, test, vi } from 'vitest'
import { startIndexer } from '../../src/control/search-indexer.ts'
import { parseSearch } from '../../src/domain/search.ts'
import { start } from '../../src/domain/device.ts'
import { apiOrigin, createWorld } from './world.ts'

test('what comes in is found without anybody asking, also after a failure', async () => {
  const { store, connector, clock } = await createWorld()
  await store.devices.decide('myphone', (before) => start(before, 'myphone', apiOrigin, clock.now()))
  await connector.link('myphone')
  await connector.receive('myphone', 'hello')
  const index = vi
    .fn((limit: number) => store.search.index(limit))
    .mockRejectedValueOnce(new Error('not now'))
  const errors: unknown[] = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const indexer = startIndexer({
    store: { search: { ...store.search, index } },
    onError: (error) => errors.push(error),
  })
  const found = async () =>
    (await store.search.find(parseSearch('hello'), {}, { order: 'newest', limit: 1 })).items.length
  await vi.waitFor(async () => {
    await vi.advanceTimersToNextTimerAsync()
    expect(await found()).toBe(1)
  })
  await indexer.stop()
  expect(errors).toEqual([new Error('not now')])
})
