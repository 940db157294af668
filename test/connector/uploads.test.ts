import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import { start } from '../../src/domain/device.ts'
import { StaleLeaseError } from '../../src/domain/lease.ts'
import { createTurns } from '../../src/runtime/turns.ts'
import { createAttach } from '../../src/connector/attachment.ts'
import { createUploads, uploadKeptMs } from '../../src/connector/uploads.ts'
import { BlobMissingError } from '../../src/media/blobs.ts'
import { MediaError } from '../../src/whatsapp/socket.ts'
import { deviceId, incoming, nobody, origin } from '../store/conformance/fixtures.ts'
import { info, remoteOf, useBlobs } from './media.ts'
import { createSocket } from './scripted-whatsapp.ts'
import { claimLease, openMemory, settled, TestClock, until } from './world.ts'

const createWorld = async ({ turns = 4, stale = false } = {}) => {
  const store = await openMemory()
  const clock = new TestClock()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const held = await claimLease(store, clock.monotonic())
  const lease = stale ? nobody : held
  const { blobs, put } = await useBlobs()
  const { socket, uploads } = createSocket({ listener: {} as never, lease, mayWrite: () => true })
  const { media } = store
  const upload = createUploads({
    media,
    blobs,
    socket,
    deviceId,
    lease,
    clock,
    turns: createTurns(turns),
    checkRoom: async () => undefined,
  })
  const asked: string[] = []
  const attach = createAttach({ media, upload, askFor: async (id) => asked.push(id) })
  const add = async (id: string, bytes: Buffer = randomBytes(10)) => {
    const sha256 = await put(bytes)
    return media.add(
      { ...info, id, deviceId: null, source: 'upload', sha256, bytes: bytes.length },
      origin,
      clock.now(),
    )
  }
  return { store, clock, lease, asked, uploads, upload, attach, add }
}

const image = (uploadId: string, more: object = {}): MessageBody => ({
  type: 'image',
  media: { uploadId },
  ...more,
})

describe('an upload', () => {
  it('of the same bytes is made once, at the same time and afterwards', async () => {
    const { upload, uploads, add } = await createWorld()
    const bytes = randomBytes(10)
    const [one, other] = [await add('med_1', bytes), await add('med_2', bytes)]
    const works = [upload(one, 'image'), upload(other, 'image'), upload(one, 'image')]
    await until(() => uploads.length === 1)
    await settled()
    expect(uploads).toHaveLength(1)
    uploads[0]?.resolve(remoteOf(bytes))
    expect(await Promise.all(works)).toEqual([remoteOf(bytes), remoteOf(bytes), remoteOf(bytes)])
    expect(await upload(other, 'image')).toEqual(remoteOf(bytes))
    expect(uploads).toHaveLength(1)
  })

  it('of another kind is another', async () => {
    const { upload, uploads, add } = await createWorld()
    const file = await add('med_1')
    void upload(file, 'image')
    void upload(file, 'document')
    await until(() => uploads.length === 2)
    expect(new Set(uploads.map(({ asked }) => asked.kind))).toEqual(new Set(['image', 'document']))
    for (const call of uploads) call.resolve(remoteOf(Buffer.alloc(0), { kind: call.asked.kind }))
  })

  it('is made again when it is so old that WhatsApp may have it no more', async () => {
    const { upload, uploads, add, clock } = await createWorld()
    const file = await add('med_1')
    const first = upload(file, 'image')
    await until(() => uploads.length === 1)
    uploads[0]?.resolve(remoteOf(Buffer.from('1')))
    await first
    clock.pass(uploadKeptMs - 1)
    expect(await upload(file, 'image')).toEqual(remoteOf(Buffer.from('1')))
    clock.pass(1)
    const second = upload(file, 'image')
    await until(() => uploads.length === 2)
    uploads[1]?.resolve(remoteOf(Buffer.from('2')))
    expect(await second).toEqual(remoteOf(Buffer.from('2')))
  })

  it('that failed is not remembered', async () => {
    const { upload, uploads, add } = await createWorld()
    const file = await add('med_1')
    const first = upload(file, 'image')
    await until(() => uploads.length === 1)
    uploads[0]?.reject(new MediaError('unreachable', 'no host'))
    await expect(first).rejects.toThrow('no host')
    const second = upload(file, 'image')
    await until(() => uploads.length === 2)
    uploads[1]?.resolve(remoteOf(Buffer.from('2')))
    await second
  })

  it('waits for its turn', async () => {
    const { upload, uploads, add } = await createWorld({ turns: 1 })
    const [one, other] = [await add('med_1'), await add('med_2')]
    const first = upload(one, 'image')
    const second = upload(other, 'image')
    await until(() => uploads.length === 1)
    await settled()
    expect(uploads).toHaveLength(1)
    uploads[0]?.resolve(remoteOf(Buffer.from('1')))
    await first
    await until(() => uploads.length === 2)
    uploads[1]?.resolve(remoteOf(Buffer.from('2')))
    await second
  })
})

describe('the file of a message', () => {
  it('goes with what is known of it, and with what the body says instead', async () => {
    const { attach, uploads, add } = await createWorld()
    await add('med_1')
    const work = attach(image('med_1', { mimetype: 'image/webp', filename: 'mine.webp' }))
    await until(() => uploads.length === 1)
    uploads[0]?.resolve(remoteOf(Buffer.from('1')))
    expect(await work).toEqual({
      attachment: {
        ...info,
        remote: remoteOf(Buffer.from('1')),
        mimetype: 'image/webp',
        filename: 'mine.webp',
      },
    })
    expect(await attach({ type: 'poll', question: '?', options: ['a', 'b'], selectable: 1 })).toEqual({
      attachment: null,
    })
  })

  it('that is not here any more makes the message impossible', async () => {
    const { attach, add, store } = await createWorld()
    await add('med_1')
    await store.media.remove('med_1', origin, 1)
    for (const id of ['med_1', 'med_2']) {
      expect(await attach(image(id))).toMatchObject({ kind: 'impossible', code: 'media_missing' })
    }
  })

  it.each([
    [new BlobMissingError('ab'), { kind: 'impossible', code: 'media_missing' }],
    [new MediaError('corrupt', 'x'), { kind: 'impossible', code: 'media_corrupt' }],
    [new MediaError('too_large', 'x'), { kind: 'impossible', code: 'media_too_large' }],
    [
      new MediaError('unreachable', 'no host'),
      { kind: 'not_sent', detail: 'file med_1 could not be uploaded: no host' },
    ],
    [
      new MediaError('forbidden', '403'),
      { kind: 'not_sent', detail: 'file med_1 could not be uploaded: 403' },
    ],
    [new Error('ENOSPC'), { kind: 'not_sent', detail: 'file med_1 could not be uploaded: ENOSPC' }],
  ] as const)('whose upload fails with %s', async (error, expected) => {
    const { attach, uploads, add } = await createWorld()
    await add('med_1')
    const work = attach(image('med_1'))
    await until(() => uploads.length === 1)
    uploads[0]?.reject(error)
    expect(await work).toMatchObject(expected)
  })

  it('that has not come from WhatsApp yet is waited for, and asked for when nobody has', async () => {
    const { attach, asked, store, lease, clock } = await createWorld()
    for (const [at, dueAt] of [null, clock.now()].entries()) {
      const promotion = incoming(`IN${at}`, { type: 'image', whatsappId: `WA${at}` })
      if (promotion.kind !== 'message') throw new Error('no message')
      const file = { ...remoteOf(Buffer.from('1')), ...info }
      await store.inbound.promote(
        lease,
        {
          deviceId,
          stanzaKey: `s${at}`,
          promotion: { ...promotion, file },
          file: { id: `med_${at}`, dueAt },
        },
        origin,
        clock.now(),
      )
      expect(await attach(image(`med_${at}`))).toMatchObject({ kind: 'not_sent' })
    }
    expect(asked).toEqual(['med_0'])
  })

  it('is no matter of the message when the lease is gone', async () => {
    const { attach, uploads, add } = await createWorld({ stale: true })
    await add('med_1')
    const work = attach(image('med_1'))
    await until(() => uploads.length === 1)
    uploads[0]?.resolve(remoteOf(Buffer.from('1')))
    await expect(work).rejects.toThrow(StaleLeaseError)
  })
})
