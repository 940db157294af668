import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createRoom } from '../../src/store/sqlite/room.ts'

test('free space is looked at four times a second at most, but for whom needs to know now', async () => {
  const parent = await mkdtemp(path.join(tmpdir(), 'wag-room-'))
  onTestFinished(() => rm(parent, { recursive: true, force: true }))
  const folder = path.join(parent, 'data')
  let mono = 0
  const checkRoom = createRoom(folder, Number.MAX_SAFE_INTEGER, { now: () => 0, monotonic: () => mono })
  expect(() => checkRoom()).not.toThrow()
  await mkdir(folder)
  mono = 249
  expect(() => checkRoom()).not.toThrow()
  expect(() => checkRoom(true)).toThrow(/disk of the data folder has \d+ MiB left/)
  expect(() => checkRoom()).toThrow(/the last \d+ are kept/)
})
