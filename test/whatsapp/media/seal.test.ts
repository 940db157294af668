import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { encryptedStream } from '@whiskeysockets/baileys'
import { describe, expect, it } from 'vitest'
import { MediaError } from '../../../src/whatsapp/media/errors.ts'
import type { RemoteKind } from '../../../src/domain/media.ts'
import { openFile, type Sealed, sealedBytesOf, sealFile } from '../../../src/whatsapp/media/seal.ts'
import { newFolder } from '../../media/folder.ts'

const folder = newFolder()
const newPath = (): string => path.join(folder, randomBytes(8).toString('hex'))
const mib = 1024 * 1024
const kinds: readonly RemoteKind[] = ['image', 'video', 'audio', 'document', 'sticker']

/** In chunks of odd sizes, some of them tiny. */
const chunksOf = (bytes: Buffer, size: number): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    })(),
  )

const seal = async (bytes: Buffer, kind: RemoteKind = 'image') => {
  const file = newPath()
  const sealed = await sealFile(chunksOf(bytes, 1_000), file, kind)
  return { sealed, file: await readFile(file) }
}

const open = async (file: Buffer, sealed: Sealed, kind: RemoteKind = 'image', max = mib, chunk = 4_096) => {
  const target = newPath()
  const opened = await openFile(chunksOf(file, chunk), target, kind, sealed, max).catch(
    (error: unknown) => error,
  )
  return { opened, target }
}

const codeOf = (error: unknown): string => (error instanceof MediaError ? error.code : String(error))

describe('a sealed file', () => {
  it.each(kinds)('of kind %s is what Baileys makes of it, both ways', async (kind) => {
    const bytes = randomBytes(100_003)
    const theirs = await encryptedStream(bytes, kind)
    const target = newPath()
    const sealed: Sealed = {
      mediaKey: theirs.mediaKey,
      fileSha256: theirs.fileSha256,
      fileEncSha256: theirs.fileEncSha256,
      bytes: bytes.length,
    }
    const file = await readFile(theirs.encFilePath)
    await rm(theirs.encFilePath)
    await openFile(chunksOf(file, 777), target, kind, sealed, mib)
    expect((await readFile(target)).equals(bytes)).toBe(true)
  })

  it.each([0, 1, 15, 16, 17, 1_000, mib])('of %d bytes comes back whole', async (length) => {
    const bytes = randomBytes(length)
    const { sealed, file } = await seal(bytes)
    expect(sealed.bytes).toBe(length)
    expect(file).toHaveLength(sealedBytesOf(length))
    expect(createHash('sha256').update(file).digest().equals(sealed.fileEncSha256)).toBe(true)
    for (const chunk of [1, 9, 11, 65_536].filter((size) => size > 8 || length < 2_000)) {
      const { opened, target } = await open(file, sealed, 'image', mib, chunk)
      expect(opened).toEqual({ bytes: length, sha256: createHash('sha256').update(bytes).digest('hex') })
      expect((await readFile(target)).equals(bytes)).toBe(true)
    }
  })

  it('has another key each time', async () => {
    const bytes = Buffer.from('same')
    const [one, other] = await Promise.all([seal(bytes), seal(bytes)])
    expect(one.file.equals(other.file)).toBe(false)
  })

  it('is refused when a single bit of it has changed, or some of it is missing', async () => {
    const bytes = randomBytes(5_000)
    const { sealed, file } = await seal(bytes)
    const hashless = { ...sealed, fileEncSha256: new Uint8Array(), fileSha256: new Uint8Array(), bytes: 0 }
    for (const at of [0, 2_500, file.length - 11, file.length - 1]) {
      const damaged = Buffer.from(file)
      damaged[at] = (damaged[at] ?? 0) ^ 1
      for (const named of [sealed, hashless]) {
        const { opened, target } = await open(damaged, named)
        expect(codeOf(opened)).toBe('corrupt')
        expect(existsSync(target)).toBe(false)
      }
    }
    for (const length of [0, 1, 9, 10, 26, file.length - 1]) {
      const { opened, target } = await open(file.subarray(0, length), hashless)
      expect(codeOf(opened)).toBe('corrupt')
      expect(existsSync(target)).toBe(false)
    }
  })

  it('is refused when it is another than the message names', async () => {
    const { sealed, file } = await seal(randomBytes(5_000))
    const others: Partial<Sealed>[] = [
      { fileSha256: randomBytes(32) },
      { fileEncSha256: randomBytes(32) },
      { fileSha256: randomBytes(5) },
      { bytes: 4_999 },
      { mediaKey: randomBytes(32) },
    ]
    for (const other of others) {
      const { opened, target } = await open(file, { ...sealed, ...other })
      expect(codeOf(opened)).toBe('corrupt')
      expect(existsSync(target)).toBe(false)
    }
    expect(codeOf((await open(file, sealed, 'video')).opened)).toBe('corrupt')
  })

  it('is opened up to the limit, and not a byte beyond', async () => {
    const { sealed, file } = await seal(randomBytes(1_000))
    expect(codeOf((await open(file, sealed, 'image', 999)).opened)).toBe('too_large')
    expect((await open(file, sealed, 'image', 1_000)).opened).toMatchObject({ bytes: 1_000 })
  })

  it('never overwrites a file, and leaves nothing of one that breaks off', async () => {
    const target = newPath()
    await sealFile(chunksOf(Buffer.from('first'), 5), target, 'image')
    const before = await readFile(target)
    await expect(sealFile(chunksOf(Buffer.from('second'), 5), target, 'image')).rejects.toThrow('EEXIST')
    expect((await readFile(target)).equals(before)).toBe(true)

    const broken = newPath()
    const source = Readable.from(
      (async function* () {
        yield randomBytes(100)
        throw new Error('the disk is gone')
      })(),
    )
    await expect(sealFile(source, broken, 'image')).rejects.toThrow('the disk is gone')
    expect(existsSync(broken)).toBe(false)
  })
})
