import { randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import { start } from '../../src/domain/device.ts'
import type { Media } from '../../src/domain/media.ts'
import { createCheckRoom, type CheckRoom } from '../../src/media/room.ts'
import { createTurns } from '../../src/runtime/turns.ts'
import { startMediaFetcher } from '../../src/connector/media-fetcher.ts'
import { MediaError, type MediaErrorCode } from '../../src/whatsapp/socket.ts'
import { noLuck } from '../domain/fixtures.ts'
import { alice, deviceId, group, incoming, origin } from '../store/conformance/fixtures.ts'
import { newFolder } from '../media/folder.ts'
import { info, remoteOf, useBlobs } from './media.ts'
import { createSocket } from './scripted-whatsapp.ts'
import { claimLease, keepLog, openMemory, TestClock, until } from './world.ts'

const createWorld = async ({
  downloads = 4,
  checkRoom = async () => undefined,
}: {
  downloads?: number
  checkRoom?: CheckRoom
} = {}) => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const { log, lines } = keepLog()
  const { blobs } = await useBlobs()
  const scripted = createSocket({ listener: {} as never, lease, mayWrite: () => true })
  const lost: string[] = []
  const run = () => {
    const fetcher = startMediaFetcher({
      store,
      blobs,
      deviceId,
      lease,
      isHeld: () => true,
      socket: scripted.socket,
      clock,
      random: noLuck,
      origin: () => origin,
      turns: createTurns(downloads),
      checkRoom,
      bytesMax: 1_000_000,
      onLost: () => lost.push('lost'),
      log,
    })
    onTestFinished(async () => {
      scripted.socket.drop()
      await fetcher.stop()
    })
    return fetcher
  }
  const receive = async (id: string, bytes: Buffer, chat = alice): Promise<void> => {
    const promotion = incoming(id, {
      type: 'image',
      whatsappId: `WA-${id}`,
      chat,
      body: { type: 'image' } as MessageBody,
    })
    if (promotion.kind !== 'message') throw new Error('no message')
    await store.inbound.promote(
      lease,
      {
        deviceId,
        stanzaKey: id,
        promotion: { ...promotion, file: { ...remoteOf(bytes), ...info } },
        file: { id: `med_${id}`, dueAt: clock.now() },
      },
      origin,
      clock.now(),
    )
  }
  const fileOf = async (id: string): Promise<Media | undefined> => store.media.get(`med_${id}`)
  const stateOf = async (id: string) => (await fileOf(id))?.state
  /** The host gives what is asked of it next. */
  const give = async (at: number, bytes: Buffer): Promise<void> => {
    await until(() => scripted.downloads.length > at)
    const call = scripted.downloads[at]
    if (call === undefined) throw new Error('nothing was asked')
    await writeFile(call.asked.target, bytes)
    const sha256 = Buffer.from(call.asked.remote.fileSha256).toString('hex')
    call.resolve({ bytes: bytes.length, sha256 })
  }
  const refuse = async (at: number, code: MediaErrorCode): Promise<void> => {
    await until(() => scripted.downloads.length > at)
    scripted.downloads[at]?.reject(new MediaError(code, code))
  }
  return { store, clock, lines, lost, blobs, scripted, run, receive, fileOf, stateOf, give, refuse }
}

describe('a file that came with a message', () => {
  it('is brought into the media store', async () => {
    const world = await createWorld()
    const bytes = randomBytes(1_000)
    await world.receive('IN1', bytes)
    world.run()
    await world.give(0, bytes)
    await expect.poll(() => world.stateOf('IN1')).toBe('stored')
    const sha256 = (await world.fileOf('IN1'))?.sha256 ?? ''
    expect((await buffer(await world.blobs.open(sha256))).equals(bytes)).toBe(true)
    expect(await readdir(world.blobs.spool)).toEqual([])
    expect(world.scripted.downloads[0]?.asked.bytesMax).toBe(1_000_000)
  })

  it('is fetched when it is poked for, however many there are, so many at a time', async () => {
    const world = await createWorld({ downloads: 2 })
    const fetcher = world.run()
    const files = Array.from({ length: 5 }, () => randomBytes(10))
    for (const [at, bytes] of files.entries()) await world.receive(`IN${at}`, bytes)
    fetcher.poke()
    await until(() => world.scripted.downloads.length === 2)
    for (const [at] of files.entries()) {
      expect(world.scripted.downloads.length).toBeLessThanOrEqual(at + 2)
      const call = world.scripted.downloads[at]
      const wanted = files.find(
        (bytes) =>
          remoteOf(bytes).fileSha256 &&
          Buffer.from(call?.asked.remote.fileSha256 ?? []).equals(Buffer.from(remoteOf(bytes).fileSha256)),
      )
      await world.give(at, wanted ?? Buffer.alloc(0))
      await until(() => world.scripted.downloads.length >= Math.min(files.length, at + 3))
    }
    for (const [at] of files.entries()) await expect.poll(() => world.stateOf(`IN${at}`)).toBe('stored')
    expect(world.scripted.downloads).toHaveLength(5)
  })

  it('is tried again later when no host answers, and given up when it is too large', async () => {
    const world = await createWorld()
    await world.receive('IN1', randomBytes(10))
    const fetcher = world.run()
    await world.refuse(0, 'unreachable')
    await until(async () => (await world.fileOf('IN1'))?.attempts === 1)
    expect(await world.fileOf('IN1')).toMatchObject({
      state: 'waiting',
      error: { code: 'media_unreachable', detail: 'unreachable' },
    })
    world.clock.pass(60_000)
    fetcher.poke()
    await world.refuse(1, 'too_large')
    await expect.poll(() => world.stateOf('IN1')).toBe('failed')
    expect((await world.fileOf('IN1'))?.error?.code).toBe('media_too_large')
  })

  it.each(['gone', 'forbidden'] as const)('is asked for from the phone when it is %s', async (code) => {
    const world = await createWorld()
    const bytes = randomBytes(10)
    await world.receive('IN1', bytes, group)
    world.run()
    await world.refuse(0, code)
    await until(() => world.scripted.asks.length === 1)
    expect(world.scripted.asks[0]?.asked).toEqual({
      id: 'WA-IN1',
      remoteJid: group.pn,
      fromMe: false,
      participant: alice.pn,
    })
    world.scripted.asks[0]?.resolve('/v/2')
    await world.give(1, bytes)
    await expect.poll(() => world.stateOf('IN1')).toBe('stored')
    expect(world.scripted.downloads[1]?.asked.remote.directPath).toBe('/v/2')
    expect((await world.fileOf('IN1'))?.remote?.directPath).toBe('/v/2')
  })

  it('waits for a phone that is off, and fails when the phone has it no more', async () => {
    const world = await createWorld()
    await world.receive('IN1', randomBytes(10))
    const fetcher = world.run()
    await world.refuse(0, 'gone')
    await until(() => world.scripted.asks.length === 1)
    world.scripted.asks[0]?.reject(new MediaError('unreachable', 'the phone did not answer in time'))
    await until(async () => (await world.fileOf('IN1'))?.attempts === 1)
    expect(await world.fileOf('IN1')).toMatchObject({ state: 'waiting', error: { code: 'media_no_phone' } })
    world.clock.pass(10 * 60_000)
    fetcher.poke()
    await world.refuse(1, 'gone')
    await until(() => world.scripted.asks.length === 2)
    world.scripted.asks[1]?.reject(new MediaError('gone', 'the phone has the file no more'))
    await expect.poll(() => world.stateOf('IN1')).toBe('failed')
    expect(await world.fileOf('IN1')).toMatchObject({
      error: { code: 'media_gone', detail: 'the phone has the file no more' },
    })
  })

  it('is due as it was when the connection ends meanwhile', async () => {
    const world = await createWorld()
    const bytes = randomBytes(10)
    await world.receive('IN1', bytes)
    const fetcher = world.run()
    await until(() => world.scripted.downloads.length === 1)
    const stopping = fetcher.stop()
    world.scripted.socket.drop()
    await stopping
    expect(await world.fileOf('IN1')).toMatchObject({
      state: 'waiting',
      attempts: 0,
      dueAt: world.clock.now(),
    })
    world.run()
    await world.give(1, bytes)
    await expect.poll(() => world.stateOf('IN1')).toBe('stored')
  })

  it('that cannot be kept here is tried again', async () => {
    const world = await createWorld()
    await world.receive('IN1', randomBytes(10))
    world.run()
    await until(() => world.scripted.downloads.length === 1)
    // Nothing was written there.
    world.scripted.downloads[0]?.resolve({ bytes: 10, sha256: 'ab'.repeat(32) })
    await until(async () => (await world.fileOf('IN1'))?.attempts === 1)
    expect(await world.fileOf('IN1')).toMatchObject({ state: 'waiting', error: { code: 'media_not_kept' } })
  })

  it('is not begun while the disk has only left what is kept for other things', async () => {
    const full = createCheckRoom(newFolder(), Number.MAX_SAFE_INTEGER)
    const world = await createWorld({ checkRoom: full })
    await world.receive('IN1', randomBytes(10))
    world.run()
    await until(async () => (await world.fileOf('IN1'))?.attempts === 1)
    const file = await world.fileOf('IN1')
    expect(file).toMatchObject({ state: 'waiting', error: { code: 'media_not_kept' } })
    expect(file?.error?.detail).toMatch(
      /^the disk has \d+ MiB left, of which \d+ are kept, and the file has 10 bytes$/,
    )
    expect(world.scripted.downloads).toEqual([])
    await expect(createCheckRoom(newFolder(), 0)(10)).resolves.toBeUndefined()
  })
})
