import { describe, expect, it } from 'vitest'
import { start } from '../../../src/domain/device.ts'
import { deviceId, enqueue, origin, t0, useWorld, type OpenStores } from './fixtures.ts'

export const describeLogs = (open: OpenStores): void => {
  describe('events and audit', () => {
    const world = useWorld(open)

    it('events come in order after a cursor, a bounded number at a time', async () => {
      for (let at = 0; at < 5; at++) await enqueue(world.store, `M${at}`)
      const first = await world.other.events.after(0, { limit: 3 })
      const rest = await world.other.events.after(first.at(-1)?.seq ?? 0, { limit: 100 })
      const seqs = [...first, ...rest].map(({ seq }) => seq)
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
      expect(new Set(seqs).size).toBe(6)
      expect(await world.other.events.latest()).toBe(seqs.at(-1))
      expect(await world.other.events.after(seqs.at(-1) ?? 0, { limit: 100 })).toEqual([])
    })

    it('an event has its own id, its time and its data', async () => {
      await enqueue(world.store, 'M1', {}, t0 + 5)
      const [event] = await world.other.events.after(0, { limit: 1, types: ['message.queued'] })
      expect(event).toMatchObject({ type: 'message.queued', deviceId, at: t0 + 5, data: { messageId: 'M1' } })
      expect(event?.id).toMatch(/^evt_[0-9a-z]{26}$/)
    })

    it('events can be asked for up to one of them', async () => {
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2')
      const all = await world.other.events.after(0, { limit: 9 })
      const until = all.at(-2)?.seq ?? 0
      const isBefore = ({ seq }: { readonly seq: number }): boolean => seq <= until
      expect(await world.other.events.after(0, { limit: 9, until })).toEqual(all.filter(isBefore))
      const types = ['message.queued'] as const
      const queued = all.filter(({ type }) => type === 'message.queued')
      expect(await world.other.events.after(0, { limit: 9, until, types })).toEqual(queued.filter(isBefore))
    })

    it('events can be asked for by device and by type', async () => {
      await world.store.devices.decide('b', (before) => start(before, 'b', origin, t0))
      await enqueue(world.store, 'M1')
      await enqueue(world.store, 'M2', { deviceId: 'b' })
      const ids = async (filter: Parameters<typeof world.store.events.after>[1]) =>
        (await world.other.events.after(0, filter)).map((event) => [event.deviceId, event.type])
      expect(await ids({ limit: 9, deviceIds: ['b'] })).toEqual([
        ['b', 'device.status_changed'],
        ['b', 'message.queued'],
      ])
      expect(await ids({ limit: 9, types: ['message.queued'] })).toEqual([
        [deviceId, 'message.queued'],
        ['b', 'message.queued'],
      ])
      expect(await ids({ limit: 9, types: ['message.queued', 'message.read'], deviceIds: ['b'] })).toEqual([
        ['b', 'message.queued'],
      ])
      const both = [deviceId, 'b']
      expect(await ids({ limit: 9, deviceIds: [...both, 'c'] })).toEqual(await ids({ limit: 9 }))
      expect(await ids({ limit: 9, types: ['message.queued'], deviceIds: ['b', 'c'] })).toEqual([
        ['b', 'message.queued'],
      ])
      expect(await ids({ limit: 9, types: ['message.queued'], deviceIds: both })).toHaveLength(2)
      expect(await ids({ limit: 9, deviceIds: [] })).toEqual([])
      expect(await ids({ limit: 1, types: ['message.queued'] })).toHaveLength(1)
      expect(await ids({ limit: 9, types: [] })).toEqual([])
    })

    it('a log without events is at 0', async () => {
      const [fresh, same] = await open()
      expect(await fresh.events.latest()).toBe(0)
      expect(await fresh.events.after(0, { limit: 1, types: ['message.read'] })).toEqual([])
      await fresh.close()
      await same.close()
    })

    it('an audit entry says who did what to what, when, and what changed', async () => {
      await world.store.devices.decide('b', (before) =>
        start(before, 'b', { actor: { kind: 'api' }, requestId: 'req_2' }, t0 + 9),
      )
      const [first, second] = await world.other.audit.after(0, 10)
      expect(first).toMatchObject({ origin, target: { kind: 'device', id: deviceId } })
      expect(second).toMatchObject({
        at: t0 + 9,
        origin: { actor: { kind: 'api' }, requestId: 'req_2' },
        action: 'device.start',
        target: { kind: 'device', id: 'b' },
        before: null,
        after: { desired: 'running', generation: 1 },
      })
      expect(second?.id).toMatch(/^aud_/)
      expect(await world.other.audit.after(first?.seq ?? 0, 1)).toEqual([second])
    })
  })

  describe('the whole', () => {
    const world = useWorld(open)

    it('the network that was claimed first stays', async () => {
      expect(await world.store.claimNetwork('loopback')).toBe('loopback')
      expect(await world.other.claimNetwork('whatsapp')).toBe('loopback')
    })

    it('a store that can be written passes the probe, again and again', async () => {
      await world.store.probe(t0)
      await world.other.probe(t0 + 1)
    })

    it('a listener hears of a commit until it is stopped', async () => {
      let heard = 0
      const heardMore = (than: number): Promise<void> => expect.poll(() => heard).toBeGreaterThan(than)
      const stop = world.store.onChange(() => {
        heard += 1
      })
      await enqueue(world.store, 'M1')
      await heardMore(0)
      stop()
      const before = heard
      let also = 0
      world.store.onChange(() => {
        also += 1
      })
      await enqueue(world.store, 'M2')
      await expect.poll(() => also).toBeGreaterThan(0)
      expect(heard).toBe(before)
    })

    it('a listener that throws disturbs neither the writer nor the other listeners', async () => {
      let heard = 0
      world.store.onChange(() => {
        throw new Error('listener')
      })
      world.store.onChange(() => {
        heard += 1
      })
      await enqueue(world.store, 'M1')
      await expect.poll(() => heard).toBeGreaterThan(0)
    })

    it('a closed store refuses every verb and may be closed again', async () => {
      const waiting = enqueue(world.store, 'M1')
      await world.store.close()
      await waiting
      await world.store.close()
      await expect(world.store.devices.list()).rejects.toMatchObject({ kind: 'closed' })
      await expect(enqueue(world.store, 'M2')).rejects.toMatchObject({ kind: 'closed' })
      expect(() => world.store.auth.saveCredsNow(world.lease, deviceId, '{}', t0)).toThrow('closed')
    })
  })
}
