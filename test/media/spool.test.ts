import { createHash, randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createSpool } from '../../src/media/spool.ts'
import { newFolder, newSpool, streamOf } from './samples.ts'

const bytesMax = 1_000_000

describe('a file in the spool', () => {
  it('has the bytes of the stream, their number and their SHA-256', async () => {
    const spool = await newSpool()
    const chunks = Array.from({ length: 9 }, () => randomBytes(50_000))
    const file = await spool.take(streamOf(...chunks), { bytesMax })
    const whole = Buffer.concat(chunks)
    expect(await readFile(file.path)).toEqual(whole)
    expect(file.bytes).toBe(450_000)
    expect(file.sha256).toBe(createHash('sha256').update(whole).digest('hex'))
    expect(await spool.measure(file.path)).toEqual(file)
  })

  it('can be read by its owner alone', async () => {
    const spool = await newSpool()
    const file = await spool.take(streamOf('secret'), { bytesMax })
    expect((await stat(file.path)).mode & 0o777).toBe(0o600)
  })

  it('may be as long as the limit, and not a byte longer', async () => {
    const spool = await newSpool()
    expect((await spool.take(streamOf('12345'), { bytesMax: 5 })).bytes).toBe(5)
    await expect(spool.take(streamOf('123', '456'), { bytesMax: 5 })).rejects.toMatchObject({
      code: 'media_too_large',
      message: 'a file may be 5 bytes long here; this one is longer',
    })
    expect(await spool.files()).toHaveLength(1)
  })

  it('is not there when its stream breaks off', async () => {
    const spool = await newSpool()
    const broken = async function* () {
      yield Buffer.from('begun')
      throw new Error('the line is dead')
    }
    await expect(spool.take(broken(), { bytesMax })).rejects.toThrow('the line is dead')
    expect(await spool.files()).toEqual([])
  })

  it('is not there when nobody wants it any more', async () => {
    const spool = await newSpool()
    const stop = new AbortController()
    const endless = async function* () {
      for (;;) {
        yield Buffer.from('more')
        await turnOfLoop()
      }
    }
    const taken = spool.take(endless(), { bytesMax: Number.MAX_SAFE_INTEGER, signal: stop.signal })
    await turnOfLoop()
    stop.abort(new Error('gone'))
    await expect(taken).rejects.toThrow()
    expect(await spool.files()).toEqual([])
  })

  it('is refused while the disk has no more than its reserve', async () => {
    const spool = createSpool({
      folder: await newFolder(),
      reserveBytes: Number.MAX_SAFE_INTEGER,
      now: Date.now,
    })
    await expect(spool.take(streamOf('1'), { bytesMax })).rejects.toMatchObject({ code: 'store_full' })
  })
})

it('a stream is read only as fast as the disk takes it', async () => {
  const spool = await newSpool()
  const chunk = Buffer.alloc(1_048_576)
  let mostAhead = 0
  const long = async function* () {
    for (let given = 0; given < 64; given += 1) {
      const [name] = await spool.files()
      const { size } = name === undefined ? { size: 0 } : await stat(path.join(spool.folder, name))
      mostAhead = Math.max(mostAhead, given * chunk.length - size)
      yield chunk
    }
  }
  expect((await spool.take(long(), { bytesMax: 67_108_864 })).bytes).toBe(67_108_864)
  expect(mostAhead).toBeLessThanOrEqual(3 * chunk.length)
})
