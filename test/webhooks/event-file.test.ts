import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import { start } from '../../src/domain/device.ts'
import type { Event } from '../../src/domain/event.ts'
import type { Endpoint } from '../../src/domain/webhook.ts'
import { blobName } from '../../src/media/blobs.ts'
import {
  createLoadFile,
  type FileForEvent,
  fileWaitMaxMs,
  inlineBytesMax,
  inlineHeldBytesMax,
} from '../../src/webhooks/event-file.ts'
import { info, remoteOf, useBlobs } from '../connector/media.ts'
import { claimLease, keepLog, openMemory, TestClock } from '../connector/world.ts'
import { deviceId, incoming, origin } from '../store/conformance/fixtures.ts'
import { receivedEvent } from './samples.ts'

const url = 'https://gateway.example.com/api/messages/msg_1/media'
const link: Pick<Endpoint, 'format' | 'media'> = { format: 'event', media: 'link' }
const inline: typeof link = { format: 'event', media: 'inline' }
const plain: typeof link = { format: 'plain', media: 'link' }

const createWorld = async ({ folder }: { folder?: string | undefined } = { folder: '/data/media' }) => {
  const store = await openMemory()
  const clock = new TestClock()
  const { log, lines } = keepLog()
  const { blobs, put } = await useBlobs()
  await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, clock.now()))
  const lease = await claimLease(store, clock.monotonic())
  const load = createLoadFile({
    media: store.media,
    blobs,
    folder,
    publicUrl: 'https://gateway.example.com',
    clock,
    log,
  })
  const eventOf = (uploadId: string): Event => ({
    ...receivedEvent({ type: 'image', media: { uploadId } }),
    at: clock.now(),
  })
  /** A file that is here. */
  const keep = async (id: string, bytes: Buffer): Promise<string> => {
    const sha256 = await put(bytes)
    await store.media.add(
      { ...info, id, deviceId, source: 'upload', sha256, bytes: bytes.length },
      origin,
      clock.now(),
    )
    return sha256
  }
  /** A file that is still at WhatsApp; with no time it is not fetched by itself. */
  const announce = async (id: string, bytes: Buffer, dueAt: number | null = clock.now()): Promise<void> => {
    const promotion = incoming(`IN-${id}`, { type: 'image', body: { type: 'image' } as MessageBody })
    if (promotion.kind !== 'message') throw new Error('no message')
    await store.inbound.promote(
      lease,
      {
        deviceId,
        stanzaKey: id,
        promotion: { ...promotion, file: { ...remoteOf(bytes), ...info } },
        file: { id, dueAt },
      },
      origin,
      clock.now(),
    )
  }
  return { clock, lines, load, eventOf, keep, announce, put, store, lease }
}

const ready = (file: unknown) => ({ kind: 'ready', file, release: expect.any(Function) as () => void })
const release = (loaded: FileForEvent): void => {
  if (loaded.kind === 'ready') loaded.release()
}

describe('the file of an event', () => {
  it('is none where there is none', async () => {
    const { load } = await createWorld()
    expect(await load(receivedEvent({ type: 'text', text: 'x' }), inline)).toEqual(ready(undefined))
  })

  it('comes as a link, whether it is here or not', async () => {
    const { load, eventOf, keep } = await createWorld()
    await keep('med_1', randomBytes(10))
    expect(await load(eventOf('med_1'), link)).toEqual(ready({ url }))
    expect(await load(eventOf('med_2'), link)).toEqual(ready({ url }))
    expect(await load(eventOf('med_2'), inline)).toEqual(ready({ url }))
  })

  it('comes inline for those who want it', async () => {
    const { load, eventOf, keep } = await createWorld()
    const bytes = randomBytes(1_000)
    await keep('med_1', bytes)
    const file = { base64: bytes.toString('base64'), mimetype: 'image/png', filename: null, bytes: 1_000 }
    expect(await load(eventOf('med_1'), inline)).toEqual(ready({ url, inline: file }))
  })

  it('comes as a link alone when it is too large', async () => {
    const { load, eventOf, keep } = await createWorld()
    await keep('med_1', Buffer.alloc(inlineBytesMax))
    await keep('med_2', Buffer.alloc(inlineBytesMax + 1))
    expect(await load(eventOf('med_1'), inline)).toHaveProperty('file.inline.bytes', inlineBytesMax)
    expect(await load(eventOf('med_2'), inline)).toEqual(ready({ url }))
  })

  it('comes as a link alone when its bytes are lost here', async () => {
    const { load, eventOf, store, clock, lines } = await createWorld()
    const lost = {
      ...info,
      id: 'med_1',
      deviceId,
      source: 'upload' as const,
      sha256: 'ab'.repeat(32),
      bytes: 9,
    }
    await store.media.add(lost, origin, clock.now())
    expect(await load(eventOf('med_1'), inline)).toEqual(ready({ url }))
    expect(lines).toEqual(['warn a file could not be read for a webhook; its link goes alone'])
  })

  it('is never held in memory beyond a limit of all together', async () => {
    const { load, eventOf, keep, clock } = await createWorld()
    await keep('med_1', Buffer.alloc(inlineBytesMax))
    const held = []
    for (let left = inlineHeldBytesMax; left >= inlineBytesMax; left -= inlineBytesMax) {
      held.push(await load(eventOf('med_1'), inline))
    }
    expect(held.map(({ kind }) => kind)).not.toContain('later')
    expect(await load(eventOf('med_1'), inline)).toEqual({ kind: 'later', at: clock.now() + 250 })
    held.slice(0, 1).forEach(release)
    expect((await load(eventOf('med_1'), inline)).kind).toBe('ready')
  })

  it.each([['inline', inline] as const, ['plain', plain] as const])(
    'is waited for while it comes, and not for ever: %s',
    async (_, endpoint) => {
      const { load, eventOf, announce, clock } = await createWorld()
      await announce('med_1', randomBytes(10))
      const event = eventOf('med_1')
      expect(await load(event, endpoint)).toEqual({ kind: 'later', at: event.at + 1_000 })
      clock.pass(fileWaitMaxMs - 500)
      expect(await load(event, endpoint)).toEqual({ kind: 'later', at: event.at + fileWaitMaxMs })
      clock.pass(500)
      expect(await load(event, endpoint)).toEqual(ready({ url }))
    },
  )

  it('is not waited for when nobody fetches it', async () => {
    const { load, eventOf, announce } = await createWorld()
    await announce('med_1', randomBytes(10), null)
    expect(await load(eventOf('med_1'), inline)).toEqual(ready({ url }))
  })

  it('is not waited for when the clock was put back since', async () => {
    const { load, eventOf, announce, clock } = await createWorld()
    await announce('med_1', randomBytes(10))
    const event = eventOf('med_1')
    clock.wall -= 60 * 60 * 1_000
    expect(await load(event, inline)).toEqual(ready({ url }))
  })

  it('is told by its path where files are in a folder', async () => {
    const { load, eventOf, keep } = await createWorld()
    const sha256 = await keep('med_1', randomBytes(10))
    const filePath = `/data/media/${blobName(sha256)}`
    expect(await load(eventOf('med_1'), plain)).toEqual(ready({ url, filePath }))
  })

  it('has no path where files are in no folder', async () => {
    const { load, eventOf, keep } = await createWorld({})
    await keep('med_1', randomBytes(10))
    expect(await load(eventOf('med_1'), plain)).toEqual(ready({ url }))
  })
})
