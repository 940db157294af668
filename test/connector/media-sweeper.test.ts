import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { start } from '../../src/domain/device.ts'
import { createSweep, putGraceMs, type MediaLimits } from '../../src/connector/media-sweeper.ts'
import { blobName, spoolAgeMaxMs } from '../../src/media/blobs.ts'
import { deviceId, enqueue, origin } from '../store/conformance/fixtures.ts'
import { info, useBlobs } from './media.ts'
import { claimLease, keepLog, openMemory } from './world.ts'

const hour = 60 * 60 * 1_000
const day = 24 * hour
const now = Date.now()

const createWorld = async (limits: Partial<MediaLimits> = {}) => {
  const store = await openMemory()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, now))
  const lease = await claimLease(store, 1)
  const { blobs, put } = await useBlobs()
  const { log, lines } = keepLog()
  const sweep = createSweep({
    media: store.media,
    blobs,
    clock: { now: () => now, monotonic: () => 1 },
    origin: () => origin,
    retentionMs: null,
    quotaBytes: null,
    log,
    ...limits,
  })
  /** A file that was stored so long ago. */
  const add = async (id: string, ageMs: number, bytes = randomBytes(1_000)): Promise<string> => {
    const sha256 = await put(bytes)
    const at = (now - ageMs) / 1_000
    await utimes(path.join(blobs.spool, '..', blobName(sha256)), at, at)
    await store.media.add(
      { ...info, id, deviceId, source: 'upload', sha256, bytes: bytes.length },
      origin,
      now - ageMs,
    )
    return sha256
  }
  const states = async (...ids: string[]) =>
    Promise.all(ids.map(async (id) => (await store.media.get(id))?.state))
  const need = (messageId: string, uploadId: string) =>
    enqueue(store, messageId, {
      type: 'image',
      body: { type: 'image', media: { uploadId } },
      content: null as never,
    })
  return { store, blobs, lines, add, put, states, need, sweep: () => sweep(lease) }
}

describe('a sweep', () => {
  it('removes files whose time is up, with their bytes, and no others', async () => {
    const { add, sweep, states, blobs } = await createWorld({ retentionMs: 30 * day })
    const old = await add('med_1', 31 * day)
    const young = await add('med_2', 29 * day)
    await sweep()
    expect(await states('med_1', 'med_2')).toEqual(['removed', 'stored'])
    expect(await blobs.size(old)).toBeUndefined()
    expect(await blobs.size(young)).toBe(1_000)
  })

  it('removes nothing when there are no limits', async () => {
    const { add, sweep, states, blobs } = await createWorld()
    const old = await add('med_1', 10_000 * day)
    await sweep()
    expect(await states('med_1')).toEqual(['stored'])
    expect(await blobs.size(old)).toBe(1_000)
  })

  it('spares what a message needs that is not sent yet, by age and by size', async () => {
    const { add, sweep, states, need, store, blobs } = await createWorld({ retentionMs: day, quotaBytes: 0 })
    const needed = await add('med_1', 2 * day)
    await add('med_2', 2 * day)
    await need('OUT1', 'med_1')
    await sweep()
    expect(await states('med_1', 'med_2')).toEqual(['stored', 'removed'])
    expect(await blobs.size(needed)).toBe(1_000)
    await store.outbox.cancel('OUT1', origin, now)
    await sweep()
    expect(await states('med_1')).toEqual(['removed'])
    expect(await blobs.size(needed)).toBeUndefined()
  })

  it('removes the oldest until the rest fits into the quota, and no more', async () => {
    const { add, sweep, states, blobs } = await createWorld({ quotaBytes: 3_000 })
    for (const n of [1, 2, 3, 4, 5]) await add(`med_${n}`, (10 - n) * hour)
    await sweep()
    expect(await states('med_1', 'med_2', 'med_3', 'med_4', 'med_5')).toEqual([
      'removed',
      'removed',
      'stored',
      'stored',
      'stored',
    ])
    let left = 0
    for await (const { bytes } of blobs.list()) left += bytes
    expect(left).toBe(3_000)
  })

  it('counts bytes that several files share once, and keeps them for the last of these', async () => {
    const { add, sweep, states, blobs } = await createWorld({ quotaBytes: 1_500 })
    const bytes = randomBytes(1_000)
    const shared = await add('med_1', 9 * hour, bytes)
    await add('med_2', 8 * hour, bytes)
    await sweep()
    expect(await states('med_1', 'med_2')).toEqual(['stored', 'stored'])
    await add('med_3', 7 * hour)
    await add('med_4', 6 * hour, bytes)
    await sweep()
    // The bytes are there as long as one of their files is: all that are older than what fits have to go.
    expect(await states('med_1', 'med_2', 'med_3', 'med_4')).toEqual([
      'removed',
      'removed',
      'removed',
      'stored',
    ])
    expect(await blobs.size(shared)).toBe(1_000)
  })

  it('says when nothing can be removed of too much', async () => {
    const { add, sweep, states, lines } = await createWorld({ quotaBytes: 10 })
    await add('med_1', putGraceMs / 2)
    await sweep()
    expect(await states('med_1')).toEqual(['stored'])
    expect(lines).toContain('warn media takes more than its quota, and all of it is new or needed')
  })

  it('removes bytes that no file has, but for those that were put only just now', async () => {
    const { put, sweep, blobs } = await createWorld()
    const [old, fresh] = [await put(randomBytes(10)), await put(randomBytes(10))]
    const at = (now - putGraceMs - 60_000) / 1_000
    await utimes(path.join(blobs.spool, '..', blobName(old)), at, at)
    await sweep()
    expect(await blobs.size(old)).toBeUndefined()
    expect(await blobs.size(fresh)).toBe(10)
  })

  it('takes away what crashes have left in the spool', async () => {
    const { sweep, blobs } = await createWorld()
    const file = path.join(blobs.spool, 'left')
    await writeFile(file, 'x')
    const at = (now - spoolAgeMaxMs - 60_000) / 1_000
    await utimes(file, at, at)
    await sweep()
    expect(existsSync(file)).toBe(false)
  })
})
