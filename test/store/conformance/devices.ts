import { describe, expect, it } from 'vitest'
import { observe, remove, start, stop, type Observation } from '../../../src/domain/device.ts'
import { GatewayError } from '../../../src/domain/errors.ts'
import { deviceLeaseName, StaleLeaseError } from '../../../src/domain/lease.ts'
import {
  deviceId,
  nobody,
  nothing,
  origin,
  second,
  t0,
  traced,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

export const describeDevices = (open: OpenStores): void => {
  describe('devices', () => {
    const world = useWorld(open)
    const tell = (seen: Observation, now = t0) =>
      world.store.devices.observe(world.lease, deviceId, (before) =>
        observe(before, before.generation, seen, origin, now),
      )

    it('a decision on an unknown device sees undefined and makes it', async () => {
      const made = await world.store.devices.decide('new', (before) => {
        expect(before).toBeUndefined()
        return start(before, 'new', origin, t0)
      })
      expect(made).toMatchObject({ device: { id: 'new', status: 'starting', generation: 1 }, lease: null })
      expect(await world.other.devices.get('new')).toEqual(made)
    })

    it('a device reads back as it was written, in every field', async () => {
      const seen: Observation = {
        status: 'waiting_for_scan',
        reason: 'qr_shown',
        detail: 'scan it',
        settledGeneration: 1,
        notBefore: t0 + 1,
        qr: { text: '2@abc', dataUrl: 'data:image/png;base64,AA', expiresAt: t0 + 2 },
        pairingCode: { phone: '49151', requestedAt: t0 + 3, code: 'ABCD1234', error: null },
        account: { pn: '49170@s.whatsapp.net', lid: '9@lid', pushName: 'Me' },
        pairedAt: t0 + 4,
        lastConnectedAt: t0 + 5,
        unlinkRequestedAt: t0 + 6,
        removedAt: t0 + 7,
      }
      const written = await tell(seen, t0 + second)
      expect(written).toMatchObject({ ...seen, statusAt: t0 + second, updatedAt: t0 + second, createdAt: t0 })
      const view = await world.other.devices.get(deviceId)
      expect(view?.device).toEqual(written)
      expect(view?.lease).toEqual(world.lease)
    })

    it('cleared fields are cleared', async () => {
      await tell({
        qr: { text: 'a', dataUrl: 'b', expiresAt: 1 },
        account: { pn: 'x@s.whatsapp.net', lid: null, pushName: 'N' },
      })
      const device = await tell({ qr: null, account: null })
      expect(device).toMatchObject({ qr: null, account: null })
      expect((await world.other.devices.get(deviceId))?.device).toEqual(device)
    })

    it('each mutation leaves one audit entry, and an event and a history row for a change of status', async () => {
      const change = await traced(world.store, () => tell({ status: 'connecting', reason: null }))
      expect(change).toMatchObject({ events: ['device.status_changed'], audits: ['device.observe'] })
      const same = await traced(world.store, () => tell({ lastConnectedAt: t0 }))
      expect(same).toMatchObject({ events: [], audits: ['device.observe'] })
      const { items } = await world.other.devices.history(deviceId, { limit: 10 })
      expect(items.map(({ status, previous }) => [previous, status])).toEqual([
        ['starting', 'connecting'],
        [null, 'starting'],
      ])
    })

    it('what a decision throws comes back, and nothing is written', async () => {
      const refusal = new GatewayError('device_not_found', 'no')
      const { error, ...trace } = await traced(world.store, () =>
        world.store.devices.decide('ghost', () => {
          throw refusal
        }),
      )
      expect(error).toBe(refusal)
      expect(trace).toEqual(nothing)
      expect(await world.other.devices.get('ghost')).toBeUndefined()
    })

    it('a decision may not answer for another device', async () => {
      await expect(world.store.devices.decide('a', () => start(undefined, 'b', origin, t0))).rejects.toThrow(
        'returned device b',
      )
    })

    it('a stale lease cannot observe', async () => {
      const { error, ...trace } = await traced(world.store, () =>
        world.store.devices.observe(nobody, deviceId, (before) =>
          observe(before, before.generation, { status: 'connected' }, origin, t0),
        ),
      )
      expect(error).toBeInstanceOf(StaleLeaseError)
      expect(trace).toEqual(nothing)
    })

    it('a device that does not exist cannot be observed', async () => {
      await expect(
        world.store.devices.observe(world.lease, 'ghost', (before) => observe(before, 1, {}, origin, t0)),
      ).rejects.toThrow('ghost')
    })

    it('the list has all that are not removed, by id, each with its lease', async () => {
      for (const id of ['b', 'a']) {
        await world.store.devices.decide(id, (before) => start(before, id, origin, t0))
      }
      await world.store.devices.decide('b', (before) => remove(before, 'b', origin, t0))
      const views = await world.other.devices.list()
      expect(views.map(({ device }) => device.id)).toEqual(['a', deviceId])
      expect(views.map(({ lease }) => lease?.owner ?? null)).toEqual([null, 'c1'])
    })

    it('a released lease stands behind no device', async () => {
      await world.store.leases.release(world.lease, t0)
      expect((await world.other.devices.get(deviceId))?.lease).toBeNull()
    })

    it('unsettled devices are those whose connector has work', async () => {
      await world.store.devices.decide('a', (before) => start(before, 'a', origin, t0))
      await tell({ settledGeneration: 1 })
      expect((await world.other.devices.unsettled()).map(({ id }) => id)).toEqual(['a'])
      await world.store.devices.decide(deviceId, (before) => stop(before, deviceId, origin, t0))
      expect((await world.other.devices.unsettled()).map(({ id }) => id)).toEqual(['a', deviceId])
    })

    it('history pages go from the newest to the oldest without gap or repeat, for removed devices too', async () => {
      for (let at = 1; at <= 4; at++) {
        await tell({ status: at % 2 === 0 ? 'connected' : 'reconnecting' }, t0 + at)
      }
      await world.store.devices.decide(deviceId, (before) => remove(before, deviceId, origin, t0 + 5))
      const times: number[] = []
      let cursor: string | null | undefined
      while (cursor !== null) {
        const page = await world.other.devices.history(deviceId, { limit: 2, ...(cursor && { cursor }) })
        times.push(...page.items.map(({ at }) => at))
        cursor = page.nextCursor
      }
      expect(times).toEqual([5, 4, 3, 2, 1, 0].map((after) => t0 + after))
    })

    it('a cursor that no page gave is refused in words', async () => {
      await expect(world.store.devices.history(deviceId, { limit: 1, cursor: 'x' })).rejects.toMatchObject({
        code: 'invalid_query',
      })
    })

    it('decisions that come at once see each other', async () => {
      const count = 20
      await Promise.all(
        Array.from({ length: count }, (_, at) =>
          (at % 2 === 0 ? world.store : world.other).devices.decide(deviceId, (before) =>
            stop(start(before, deviceId, origin, t0).device, deviceId, origin, t0),
          ),
        ),
      )
      const view = await world.store.devices.get(deviceId)
      expect(view?.device.generation).toBe(1 + 1 + (count - 1) * 2)
      expect(view?.lease?.name).toBe(deviceLeaseName(deviceId))
    })
  })
}
