import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Blob, BlobMissingError, type BlobStore, spoolAgeMaxMs } from '../../src/media/blobs.ts'
import { createFileBlobs } from '../../src/media/file-blobs.ts'
import { createS3Blobs, S3Error, type S3Options } from '../../src/media/s3-blobs.ts'
import { newFolder } from './folder.ts'
import { s3Bucket, s3Keys, type S3Server, startS3 } from './s3-server.ts'

const mib = 1024 * 1024
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
/** What was put until now is older. */
const later = Date.now() + 60 * 60 * 1_000
const missing = 'ab'.repeat(32)

const spooled = async (blobs: BlobStore, bytes: Uint8Array): Promise<string> => {
  const file = path.join(blobs.spool, randomBytes(8).toString('hex'))
  await writeFile(file, bytes)
  return file
}

const putBytes = async (blobs: BlobStore, bytes: Uint8Array): Promise<string> => {
  const sha256 = hashOf(bytes)
  await blobs.put(await spooled(blobs, bytes), sha256)
  return sha256
}

const readAll = async (stream: Readable): Promise<Buffer> => buffer(stream)

const listed = async (blobs: BlobStore): Promise<Blob[]> => {
  const found: Blob[] = []
  for await (const blob of blobs.list()) found.push(blob)
  return found.toSorted((a, b) => a.sha256.localeCompare(b.sha256))
}

let s3: S3Server
beforeAll(async () => {
  s3 = await startS3(newFolder())
})
afterAll(() => s3.stop())

const s3Options = (more: Partial<S3Options> = {}): S3Options => ({
  endpoint: s3.endpoint,
  region: 'us-east-1',
  bucket: s3Bucket,
  prefix: `${randomBytes(4).toString('hex')}/`,
  spool: path.join(newFolder(), 'spool'),
  ...s3Keys,
  ...more,
})

const stores: readonly [string, () => Promise<BlobStore>][] = [
  ['files', () => createFileBlobs(path.join(newFolder(), 'media'))],
  ['S3', () => createS3Blobs(s3Options())],
]

describe.each(stores)('blobs as %s', (_name, create) => {
  let blobs: BlobStore
  beforeAll(async () => {
    blobs = await create()
  })

  it('come back as they were put, and leave the spool', async () => {
    const bytes = randomBytes(3 * mib + 7)
    const file = await spooled(blobs, bytes)
    await blobs.put(file, hashOf(bytes))
    expect(existsSync(file)).toBe(false)
    expect(await blobs.size(hashOf(bytes))).toBe(bytes.length)
    expect((await readAll(await blobs.open(hashOf(bytes)))).equals(bytes)).toBe(true)
  })

  it('may be empty', async () => {
    const sha256 = await putBytes(blobs, Buffer.alloc(0))
    expect(await blobs.size(sha256)).toBe(0)
    expect(await readAll(await blobs.open(sha256))).toHaveLength(0)
  })

  it('are read in parts, both ends included', async () => {
    const bytes = randomBytes(mib)
    const sha256 = await putBytes(blobs, bytes)
    for (const [start, end] of [
      [0, 1],
      [10, 99],
      [mib - 5, mib - 1],
    ] as const) {
      const part = await readAll(await blobs.open(sha256, { start, end }))
      expect(part.equals(bytes.subarray(start, end + 1))).toBe(true)
    }
  })

  it('are kept once when the same is put again, and at the same time', async () => {
    const bytes = randomBytes(1_000)
    const files = await Promise.all([1, 2, 3, 4].map(() => spooled(blobs, bytes)))
    await Promise.all(files.map((file) => blobs.put(file, hashOf(bytes))))
    await putBytes(blobs, bytes)
    expect(files.filter((file) => existsSync(file))).toEqual([])
    expect((await listed(blobs)).filter(({ sha256 }) => sha256 === hashOf(bytes))).toHaveLength(1)
  })

  it('that are not there are missing, and can be removed', async () => {
    await expect(blobs.open(missing)).rejects.toThrow(BlobMissingError)
    expect(await blobs.size(missing)).toBeUndefined()
    await blobs.remove(missing, later)
    const sha256 = await putBytes(blobs, randomBytes(10))
    await blobs.remove(sha256, later)
    await expect(blobs.open(sha256)).rejects.toThrow(BlobMissingError)
    expect(await blobs.size(sha256)).toBeUndefined()
  })

  it('stay when they were put only just now', async () => {
    const bytes = randomBytes(10)
    const sha256 = await putBytes(blobs, bytes)
    await blobs.remove(sha256, Date.now() - 60_000)
    expect((await readAll(await blobs.open(sha256))).equals(bytes)).toBe(true)
  })

  it('are listed with their sizes and times', async () => {
    const store = await create()
    expect(await listed(store)).toEqual([])
    const before = Date.now()
    const hashes = await Promise.all([5, 6, 7].map((length) => putBytes(store, randomBytes(length))))
    const found = await listed(store)
    expect(found.map(({ sha256 }) => sha256)).toEqual(hashes.toSorted())
    expect(new Set(found.map(({ bytes }) => bytes))).toEqual(new Set([5, 6, 7]))
    // S3 tells seconds.
    for (const { modifiedAt } of found) expect(Math.abs(modifiedAt - before)).toBeLessThan(60_000)
  })

  it('have no other names than hashes', async () => {
    for (const name of ['../../etc/passwd', `${missing}x`, missing.toUpperCase(), '']) {
      await expect(blobs.open(name)).rejects.toThrow('not a SHA-256')
      await expect(blobs.put(await spooled(blobs, Buffer.alloc(1)), name)).rejects.toThrow('not a SHA-256')
    }
  })
})

describe('blobs as files', () => {
  it('are for their owner only, in two levels of folders', async () => {
    const folder = path.join(newFolder(), 'media')
    const blobs = await createFileBlobs(folder)
    const sha256 = await putBytes(blobs, Buffer.from('hello'))
    const file = path.join(folder, sha256.slice(0, 2), sha256.slice(2, 4), sha256)
    expect(await readFile(file, 'utf8')).toBe('hello')
    expect((await stat(folder)).mode & 0o077).toBe(0)
    expect((await stat(path.dirname(file))).mode & 0o077).toBe(0)
  })

  it('are made whole again when they are put again', async () => {
    const folder = path.join(newFolder(), 'media')
    const blobs = await createFileBlobs(folder)
    const bytes = randomBytes(100)
    const sha256 = await putBytes(blobs, bytes)
    await writeFile(path.join(folder, sha256.slice(0, 2), sha256.slice(2, 4), sha256), 'damaged')
    await putBytes(blobs, bytes)
    expect((await readAll(await blobs.open(sha256))).equals(bytes)).toBe(true)
  })

  it('do not list what others have left in the folder', async () => {
    const folder = path.join(newFolder(), 'media')
    const blobs = await createFileBlobs(folder)
    await mkdir(path.join(folder, 'ab', 'cd'), { recursive: true })
    await writeFile(path.join(folder, 'ab', 'cd', 'notes.txt'), 'x')
    await writeFile(path.join(folder, 'ab', missing), 'x')
    await spooled(blobs, Buffer.alloc(3))
    expect(await listed(blobs)).toEqual([])
  })
})

describe('the spool', () => {
  it('is swept of what nobody has written to for an hour, and of nothing else', async () => {
    const blobs = await createFileBlobs(path.join(newFolder(), 'media'))
    const now = Date.now()
    const old = await spooled(blobs, randomBytes(10))
    const atSeconds = (now - spoolAgeMaxMs - 1_000) / 1_000
    await utimes(old, atSeconds, atSeconds)
    const fresh = await spooled(blobs, randomBytes(10))
    expect(await blobs.sweepSpool(now)).toBe(1)
    expect([existsSync(old), existsSync(fresh)]).toEqual([false, true])
  })
})

describe('blobs in S3', () => {
  it('are asked for again when the store has a passing fault', async () => {
    const blobs = await createS3Blobs(s3Options())
    const bytes = randomBytes(2 * mib)
    let failures = 0
    s3.fault = (request, response) => {
      if (failures >= 4) return false
      failures += 1
      if (failures % 2 === 0) request.socket.destroy()
      else {
        request.resume()
        response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
      }
      return true
    }
    const file = await spooled(blobs, bytes)
    // Four failures are one more than tries; the next put finds the store well again.
    await expect(blobs.put(file, hashOf(bytes))).rejects.toThrow(S3Error)
    expect(existsSync(file)).toBe(true)
    failures = 1
    await blobs.put(file, hashOf(bytes))
    failures = 2
    expect((await readAll(await blobs.open(hashOf(bytes)))).equals(bytes)).toBe(true)
    expect(failures).toBe(4)
  })

  it('are refused at once with keys that are not right', async () => {
    const blobs = await createS3Blobs(s3Options({ secretAccessKey: 'wrong' }))
    const seen = s3.requests.length
    const failure: unknown = await blobs.size(missing).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(S3Error)
    expect((failure as S3Error).status).toBe(403)
    expect(s3.requests.length - seen).toBe(1)
  })

  it('are not said to be missing when it is the bucket that is', async () => {
    const blobs = await createS3Blobs(s3Options({ bucket: 'elsewhere' }))
    for (const work of [
      () => blobs.open(missing),
      () => blobs.size(missing),
      () => blobs.remove(missing, later),
    ]) {
      const failure: unknown = await work().catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(S3Error)
    }
  })

  it('give up on a store that has fallen silent', async () => {
    const blobs = await createS3Blobs(s3Options({ silenceMaxMs: 200 }))
    s3.fault = (request) => {
      request.pause()
      return true
    }
    try {
      await expect(
        blobs.put(await spooled(blobs, randomBytes(4 * mib)), hashOf(randomBytes(1))),
      ).rejects.toThrow(S3Error)
    } finally {
      s3.fault = () => false
    }
  })

  it('are listed page by page', async () => {
    const blobs = await createS3Blobs(s3Options({ listMax: 3 }))
    const hashes = await Promise.all([...Array(7).keys()].map((n) => putBytes(blobs, Buffer.from([n]))))
    const seen = s3.requests.length
    expect((await listed(blobs)).map(({ sha256 }) => sha256)).toEqual(hashes.toSorted())
    expect(s3.requests.length - seen).toBe(3)
  })

  it('are not taken from a listing that is none', async () => {
    const blobs = await createS3Blobs(s3Options())
    s3.fault = (_request, response) => {
      response.end('<html>Welcome</html>')
      return true
    }
    try {
      await expect(listed(blobs)).rejects.toThrow('no listing')
    } finally {
      s3.fault = () => false
    }
  })

  it('are not read from a store that answers a question for a part with the whole', async () => {
    const blobs = await createS3Blobs(s3Options())
    const sha256 = await putBytes(blobs, randomBytes(1_000))
    s3.fault = (request) => {
      delete request.headers.range
      return false
    }
    try {
      await expect(blobs.open(sha256, { start: 5, end: 9 })).rejects.toThrow(S3Error)
    } finally {
      s3.fault = () => false
    }
  })
})
