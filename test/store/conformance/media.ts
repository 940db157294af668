import { describe, expect, it } from 'vitest'
import type { MessageBody } from '../../../src/domain/body.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { Media, ReceivedFile, RemoteFile } from '../../../src/domain/media.ts'
import { fetchAheadMaxMs } from '../../../src/domain/media-fetch.ts'
import type { NewMedia } from '../../../src/store/media-store.ts'
import type { Store } from '../../../src/store/store.ts'
import {
  deviceId,
  enqueue,
  incoming,
  messageOf,
  nobody,
  nothing,
  origin,
  t0,
  traced,
  undecryptable,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

const hash = (digit: string): string => digit.repeat(64)
const day = 24 * 60 * 60 * 1_000

const remote: RemoteFile = {
  kind: 'image',
  url: 'https://mmg.whatsapp.net/v/1',
  directPath: '/v/1',
  mediaKey: Buffer.from('key'),
  mediaKeyTimestamp: 1_800_000_000,
  fileSha256: Buffer.from(hash('a'), 'hex'),
  fileEncSha256: Buffer.from(hash('b'), 'hex'),
  bytes: 1_234,
}
const info = {
  mimetype: 'image/jpeg',
  filename: null,
  width: 640,
  height: 480,
  seconds: null,
  waveform: null,
  thumbnail: Buffer.from('small'),
}
const received: ReceivedFile = { ...remote, ...info }

const upload = (id: string, more: Partial<NewMedia> = {}): NewMedia => ({
  ...info,
  id,
  deviceId: null,
  source: 'upload',
  sha256: hash('a'),
  bytes: 10,
  ...more,
})

const fileOf = async (store: Store, id: string): Promise<Media> => {
  const file = await store.media.get(id)
  if (file === undefined) throw new Error(`there is no file ${id}`)
  return file
}

export const describeMedia = (open: OpenStores): void => {
  const useMedia = () => {
    const world = useWorld(open)
    const receive = (
      id: string,
      dueAt: number | null,
      promotion = incoming(id, { type: 'image', whatsappId: id, body: { type: 'image' } as MessageBody }),
    ) =>
      world.store.inbound.promote(
        world.lease,
        {
          deviceId,
          stanzaKey: id,
          promotion: promotion.kind === 'message' ? { ...promotion, file: received } : promotion,
          file: { id: `med_${id}`, dueAt },
        },
        origin,
        t0,
      )
    const due = async (now: number, limit = 10) =>
      (await world.other.media.due(deviceId, now, limit)).map(({ id }) => id)
    return { world, receive, due }
  }

  describe('media.add', () => {
    const { world } = useMedia()

    it('keeps what is known of a file, with an audit entry, and an event when it belongs to a device', async () => {
      const trace = await traced(world.store, () => world.store.media.add(upload('med_1'), origin, t0))
      expect(trace).toEqual({ error: undefined, events: [], audits: ['media.add'] })
      expect(await fileOf(world.other, 'med_1')).toEqual({
        ...upload('med_1'),
        messageId: null,
        state: 'stored',
        remote: null,
        error: null,
        attempts: 0,
        dueAt: null,
        createdAt: t0,
        storedAt: t0,
        removedAt: null,
      })
      const own = upload('med_2', { deviceId, waveform: [1, 2, 100], seconds: 1.5, filename: 'ä.ogg' })
      const second = await traced(world.store, () => world.store.media.add(own, origin, t0))
      expect(second).toEqual({ error: undefined, events: ['media.stored'], audits: ['media.add'] })
      expect(await fileOf(world.other, 'med_2')).toMatchObject({ waveform: [1, 2, 100], seconds: 1.5 })
      expect(await world.other.media.get('med_3')).toBeUndefined()
    })
  })

  describe('a file that comes with a message', () => {
    const { world, receive, due } = useMedia()

    it('is written with it, and the body names it', async () => {
      await receive('IN1', t0)
      expect(await fileOf(world.other, 'med_IN1')).toEqual({
        ...info,
        id: 'med_IN1',
        deviceId,
        messageId: 'IN1',
        source: 'whatsapp',
        state: 'waiting',
        sha256: hash('a'),
        bytes: 1_234,
        remote,
        error: null,
        attempts: 0,
        dueAt: t0,
        createdAt: t0,
        storedAt: null,
        removedAt: null,
      })
      expect((await messageOf(world.other, 'IN1')).body).toEqual({
        type: 'image',
        media: { uploadId: 'med_IN1', bytes: 1_234, sha256: hash('a'), width: 640, height: 480 },
      })
    })

    it('is written once, however often the message comes', async () => {
      await receive('IN1', t0)
      const again = incoming('IN9', {
        type: 'image',
        whatsappId: 'IN1',
        body: { type: 'image' } as MessageBody,
      })
      await receive('IN9', t0, again)
      expect(await world.other.media.get('med_IN9')).toBeUndefined()
      expect(await due(t0)).toEqual(['med_IN1'])
    })

    it('is written when the message can be read at last, as that message has it', async () => {
      await world.store.inbound.promote(
        world.lease,
        { deviceId, stanzaKey: 's', promotion: undecryptable('IN1', { whatsappId: 'IN1' }) },
        origin,
        t0,
      )
      const readable = incoming('IN2', {
        type: 'image',
        whatsappId: 'IN1',
        body: { type: 'image' } as MessageBody,
      })
      await receive('IN2', t0, readable)
      expect((await messageOf(world.other, 'IN1')).body).toMatchObject({ media: { uploadId: 'med_IN2' } })
      expect((await fileOf(world.other, 'med_IN2')).messageId).toBe('IN1')
    })

    it('is due at its time, most urgent first, and one without a time never', async () => {
      await receive('IN1', t0 + 500)
      await receive('IN2', t0 + 100)
      await receive('IN3', null)
      expect(await due(t0 + 99)).toEqual([])
      expect(await due(t0 + 100)).toEqual(['med_IN2'])
      expect(await due(t0 + 500)).toEqual(['med_IN2', 'med_IN1'])
      expect(await due(t0 + 500, 1)).toEqual(['med_IN2'])
      expect(await world.other.media.nextDue(deviceId)).toBe(t0 + 100)
      expect(await world.other.media.nextDue('other')).toBeNull()
    })

    it('is due too when its time lies further ahead than any wait: the clock was put back', async () => {
      await receive('IN1', t0 + fetchAheadMaxMs + 1)
      expect(await due(t0)).toEqual(['med_IN1'])
      expect(await due(t0 + 1)).toEqual([])
    })
  })

  describe('media.fetched', () => {
    const { world, receive, due } = useMedia()
    const error = { code: 'media_unreachable', detail: 'no host' }
    const fetched = (after: Parameters<Store['media']['fetched']>[2], now = t0 + 5, lease = world.lease) =>
      world.store.media.fetched(lease, 'med_IN1', after, origin, now)
    const stored = { state: 'stored', sha256: hash('c'), bytes: 99 } as const

    it('stores what came, tries again later, or gives up; each is told', async () => {
      await receive('IN1', t0)
      const later = await traced(world.store, () => fetched({ state: 'waiting', dueAt: t0 + 900, error }))
      expect(later).toEqual({ error: undefined, events: ['media.waiting'], audits: ['media.fetch'] })
      expect(await fileOf(world.other, 'med_IN1')).toMatchObject({
        state: 'waiting',
        attempts: 1,
        dueAt: t0 + 900,
        error,
      })
      const given = await traced(world.store, () => fetched({ state: 'failed', error }))
      expect(given).toEqual({ error: undefined, events: ['media.failed'], audits: ['media.fetch'] })
      expect(await fileOf(world.other, 'med_IN1')).toMatchObject({
        state: 'failed',
        attempts: 2,
        dueAt: null,
        error,
      })
      expect(await due(t0 + day)).toEqual([])
      const [event] = await world.other.events.after(0, { limit: 1, types: ['media.failed'] })
      expect(event).toMatchObject({ deviceId, data: { mediaId: 'med_IN1', ofMessage: 'IN1', ...error } })

      await receive('IN2', t0)
      const came = await traced(world.store, () =>
        world.store.media.fetched(world.lease, 'med_IN2', stored, origin, t0 + 7),
      )
      expect(came).toEqual({ error: undefined, events: ['media.stored'], audits: ['media.fetch'] })
      expect(await fileOf(world.other, 'med_IN2')).toMatchObject({
        state: 'stored',
        sha256: hash('c'),
        bytes: 99,
        error: null,
        dueAt: null,
        storedAt: t0 + 7,
      })
    })

    it('is ignored for what does not wait any more, and refused without the lease', async () => {
      await receive('IN1', t0)
      await fetched(stored)
      expect(await traced(world.store, () => fetched({ state: 'failed', error }))).toMatchObject(nothing)
      expect(await fileOf(world.other, 'med_IN1')).toMatchObject({ state: 'stored' })
      await expect(fetched(stored, t0, nobody)).rejects.toThrow(StaleLeaseError)
      await expect(world.store.media.moved(nobody, 'med_IN1', remote)).rejects.toThrow(StaleLeaseError)
    })

    it('goes on from where the phone has put the file now', async () => {
      await receive('IN1', t0)
      await world.store.media.moved(world.lease, 'med_IN1', { ...remote, directPath: '/v/2' })
      expect(await fileOf(world.other, 'med_IN1')).toMatchObject({
        state: 'waiting',
        dueAt: t0,
        remote: { ...remote, directPath: '/v/2' },
      })
    })
  })

  describe('media.fetch', () => {
    const { world, receive, due } = useMedia()
    const fetch = (id = 'med_IN1', lost = false) => world.store.media.fetch(id, lost, origin, t0 + 50)
    const error = { code: 'media_gone', detail: 'gone' }

    it('has a file fetched that nobody has asked for, that has failed, or was removed', async () => {
      await receive('IN1', null)
      const asked = await traced(world.store, () => fetch())
      expect(asked).toEqual({ error: undefined, events: ['media.waiting'], audits: ['media.retry'] })
      expect(await due(t0 + 50)).toEqual(['med_IN1'])
      for (const after of [
        { state: 'failed', error },
        { state: 'stored', sha256: hash('c'), bytes: 1 },
      ] as const) {
        await world.store.media.fetched(world.lease, 'med_IN1', after, origin, t0)
        await world.store.media.remove('med_IN1', origin, t0 + 1)
        expect(await due(t0 + day)).toEqual([])
        expect(await fetch()).toMatchObject({
          state: 'waiting',
          attempts: 0,
          dueAt: t0 + 50,
          error: null,
          removedAt: null,
        })
      }
    })

    it('has a file fetched that was lost here', async () => {
      await receive('IN1', null)
      const stored = { state: 'stored', sha256: hash('c'), bytes: 1 } as const
      await fetch()
      await world.store.media.fetched(world.lease, 'med_IN1', stored, origin, t0)
      expect(await fetch()).toMatchObject({ state: 'stored' })
      expect(await fetch('med_IN1', true)).toMatchObject({ state: 'waiting', dueAt: t0 + 50 })
    })

    it('leaves alone what is here, and what never was at WhatsApp', async () => {
      await world.store.media.add(upload('med_1'), origin, t0)
      expect(await traced(world.store, () => fetch('med_1'))).toMatchObject(nothing)
      await world.store.media.remove('med_1', origin, t0)
      expect(await fetch('med_1')).toMatchObject({ state: 'removed' })
      expect(await fetch('med_2')).toBeUndefined()
    })
  })

  describe('media.remove', () => {
    const { world } = useMedia()
    const remove = (id: string) => world.store.media.remove(id, origin, t0 + 9)
    const waiting = (id: string, uploadId: string, more: object = {}) =>
      enqueue(world.store, id, {
        type: 'image',
        body: { type: 'image', media: { uploadId } },
        content: null as never,
        ...more,
      })

    it('keeps the row, and says when; a second time changes nothing', async () => {
      await world.store.media.add(upload('med_1', { deviceId }), origin, t0)
      const trace = await traced(world.store, () => remove('med_1'))
      expect(trace).toEqual({ error: undefined, events: ['media.removed'], audits: ['media.remove'] })
      expect(await fileOf(world.other, 'med_1')).toMatchObject({
        state: 'removed',
        removedAt: t0 + 9,
        storedAt: t0,
      })
      expect(await traced(world.store, () => remove('med_1'))).toMatchObject(nothing)
      expect(await remove('med_2')).toBeUndefined()
    })

    it('is refused while a message needs it that is not sent yet', async () => {
      await world.store.media.add(upload('med_1'), origin, t0)
      await waiting('OUT1', 'med_1')
      await expect(remove('med_1')).rejects.toMatchObject({ code: 'media_in_use' })
      await world.store.outbox.cancel('OUT1', origin, t0)
      expect(await remove('med_1')).toMatchObject({ state: 'removed' })
    })

    it('is not refused for a message that WhatsApp has the file of', async () => {
      await world.store.media.add(upload('med_1'), origin, t0)
      await waiting('OUT1', 'med_1', { content: Buffer.from('made') })
      expect(await remove('med_1')).toMatchObject({ state: 'removed' })
    })

    it('of the oldest spares those that are needed, the young, and all beyond the limit', async () => {
      for (const n of [1, 2, 3, 4, 5]) await world.store.media.add(upload(`med_${n}`), origin, t0 + n)
      await waiting('OUT1', 'med_2')
      const oldest = async (limit: number, lease = world.lease) =>
        (await world.store.media.removeOldest(lease, { before: t0 + 5, limit }, origin, t0 + 9)).map(
          ({ id }) => id,
        )
      expect(await oldest(2)).toEqual(['med_1', 'med_3'])
      expect(await oldest(10)).toEqual(['med_4'])
      expect(await oldest(10)).toEqual([])
      expect(await fileOf(world.other, 'med_4')).toMatchObject({ state: 'removed', removedAt: t0 + 9 })
      await expect(oldest(1, nobody)).rejects.toThrow(StaleLeaseError)
    })

    it('of the oldest ends when enough is free', async () => {
      for (const n of [1, 2, 3, 4]) await world.store.media.add(upload(`med_${n}`), origin, t0 + n)
      const input = { before: t0 + 100, limit: 10, bytes: 11 }
      const removed = await world.store.media.removeOldest(world.lease, input, origin, t0 + 9)
      expect(removed.map(({ id }) => id)).toEqual(['med_1', 'med_2'])
    })

    it('tells which bytes are still some file', async () => {
      const kept = () => world.other.media.kept([hash('a'), hash('b'), hash('d')])
      await world.store.media.add(upload('med_1'), origin, t0)
      await world.store.media.add(upload('med_2'), origin, t0)
      await world.store.media.add(upload('med_3', { sha256: hash('b') }), origin, t0)
      expect(await kept()).toEqual(new Set([hash('a'), hash('b')]))
      await remove('med_1')
      await remove('med_3')
      expect(await kept()).toEqual(new Set([hash('a')]))
      await remove('med_2')
      expect(await kept()).toEqual(new Set())
      expect(await world.other.media.kept([])).toEqual(new Set())
    })
  })

  describe('media.uploaded', () => {
    const { world } = useMedia()
    const keep = (id: string, sha256: string, now: number, given = remote, lease = world.lease) =>
      world.store.media.keepUpload(lease, id, sha256, given, now)

    it('is known by device, hash and kind, and the newest counts', async () => {
      await keep(deviceId, hash('a'), t0)
      await keep(deviceId, hash('a'), t0 + 1, { ...remote, directPath: '/v/2' })
      await keep(deviceId, hash('a'), t0 + 2, { ...remote, kind: 'document', directPath: '/v/3' })
      expect(await world.other.media.uploaded(deviceId, hash('a'), 'image')).toEqual({
        remote: { ...remote, directPath: '/v/2' },
        uploadedAt: t0 + 1,
      })
      expect(await world.other.media.uploaded(deviceId, hash('a'), 'document')).toMatchObject({
        uploadedAt: t0 + 2,
      })
      expect(await world.other.media.uploaded(deviceId, hash('a'), 'video')).toBeUndefined()
      expect(await world.other.media.uploaded('other', hash('a'), 'image')).toBeUndefined()
      await expect(keep(deviceId, hash('a'), t0, remote, nobody)).rejects.toThrow(StaleLeaseError)
    })

    it('is forgotten by age', async () => {
      await keep(deviceId, hash('a'), t0)
      await keep(deviceId, hash('b'), t0 + 10)
      expect(await world.store.media.forgetUploads('other', t0 + day)).toBe(0)
      expect(await world.store.media.forgetUploads(deviceId, t0 + 10)).toBe(1)
      expect(await world.other.media.uploaded(deviceId, hash('a'), 'image')).toBeUndefined()
      expect(await world.other.media.uploaded(deviceId, hash('b'), 'image')).toBeDefined()
    })
  })
}
