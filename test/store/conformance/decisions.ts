import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors.ts'
import { ageMaxMs, attemptsMax } from '../../../src/domain/outbox.ts'
import {
  admitAll,
  claim,
  deviceId,
  enqueue,
  messageOf,
  nothing,
  type OpenStores,
  origin,
  refused,
  retryAt,
  second,
  sentAt,
  t0,
  traced,
  useWorld,
} from './fixtures.ts'

const parked = {
  state: 'failed',
  error: { code: 'unknown_outcome', detail: 'given up after 10 attempts: no ack' },
} as const

/** What a person can decide about a message of the outbox. */
export const describeDecisions = (open: OpenStores): void => {
  const useOutbox = () => {
    const world = useWorld(open)
    return {
      world,
      record: (id: string, after: Parameters<typeof world.store.outbox.record>[2], now = t0) =>
        world.store.outbox.record(world.lease, id, after, origin, now),
      retry: (id: string, now = t0) => world.other.outbox.retry(id, admitAll, origin, now),
      cancel: (id: string, now = t0) => world.other.outbox.cancel(id, origin, now),
    }
  }
  const rejectedWith = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => 'nothing',
      (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
    )

  describe('outbox.retry', () => {
    const { world, record, retry, cancel } = useOutbox()

    it('a parked message is queued under its own id, with one event and one audit entry', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      await record('A1', parked)
      const trace = await traced(world.store, async () => {
        expect(await retry('A1', t0 + 5)).toMatchObject({
          id: 'A1',
          status: 'queued',
          error: null,
          failedAt: null,
        })
      })
      expect(trace).toEqual({ error: undefined, events: ['message.queued'], audits: ['message.retry'] })
      expect(await messageOf(world.store, 'A1')).toMatchObject({
        status: 'queued',
        whatsappId: 'A1',
        attempts: 1,
      })
      expect(await claim(world.store, world.lease, t0 + 5)).toEqual(['A1'])
    })

    it('it has all its attempts and its whole time again', async () => {
      await enqueue(world.store, 'A1')
      for (let attempt = 1; attempt < attemptsMax; attempt++) {
        await claim(world.store, world.lease)
        await record('A1', retryAt(t0))
      }
      await claim(world.store, world.lease)
      await record('A1', parked)
      const later = t0 + 2 * ageMaxMs
      await retry('A1', later)
      const [claimed] = await world.store.outbox.claim(world.lease, { deviceId, limit: 1 }, origin, later)
      expect(claimed).toMatchObject({ attempts: 1, since: later, message: { attempts: attemptsMax + 1 } })
    })

    it('of a message that nobody has retried, the time counts from its acceptance', async () => {
      await enqueue(world.store, 'A1')
      const [claimed] = await world.store.outbox.claim(
        world.lease,
        { deviceId, limit: 1 },
        origin,
        t0 + second,
      )
      expect(claimed).toMatchObject({ attempts: 1, since: t0 })
    })

    it('it comes before the messages of its chat that were accepted later, and waits for the one in flight', async () => {
      for (const id of ['A1', 'A2', 'A3']) await enqueue(world.store, id)
      await claim(world.store, world.lease)
      await record('A1', refused)
      expect(await claim(world.store, world.lease)).toEqual(['A2'])
      await retry('A1')
      expect(await claim(world.store, world.lease)).toEqual([])
      await record('A2', sentAt(t0))
      expect(await claim(world.store, world.lease)).toEqual(['A1'])
      await record('A1', sentAt(t0))
      expect(await claim(world.store, world.lease)).toEqual(['A3'])
    })

    it('a cancelled message can be queued again', async () => {
      await enqueue(world.store, 'A1')
      await cancel('A1')
      expect(await retry('A1')).toMatchObject({ status: 'queued' })
      expect(await claim(world.store, world.lease)).toEqual(['A1'])
    })

    it('a message that waits for its next attempt is due at once, and its attempts go on counting', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await claim(world.store, world.lease)
      await record('A1', retryAt(t0 + 60 * second))
      const trace = await traced(world.store, () => retry('A2', t0 + 1))
      expect(trace.audits).toEqual(['message.retry'])
      const [claimed] = await world.store.outbox.claim(world.lease, { deviceId, limit: 9 }, origin, t0 + 1)
      expect(claimed).toMatchObject({ message: { id: 'A1' }, attempts: 2, since: t0 })
    })

    it('a message in flight is left alone', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      const trace = await traced(world.store, async () => {
        expect(await retry('A1')).toMatchObject({ status: 'sending' })
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
    })

    it('a message that is sent is not sent again', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      await record('A1', sentAt(t0))
      expect(await rejectedWith(retry('A1'))).toBe('message_settled')
      expect(await claim(world.store, world.lease)).toEqual([])
    })

    it('what admission refuses is not queued', async () => {
      await enqueue(world.store, 'A1')
      await cancel('A1')
      const { error, ...trace } = await traced(world.store, () =>
        world.store.outbox.retry(
          'A1',
          (device, message) => {
            expect([device?.id, message.id]).toEqual([deviceId, 'A1'])
            throw new GatewayError('device_not_linked', 'no')
          },
          origin,
          t0,
        ),
      )
      expect(error).toMatchObject({ code: 'device_not_linked' })
      expect(trace).toEqual(nothing)
      expect(await messageOf(world.other, 'A1')).toMatchObject({ status: 'failed' })
    })

    it('a message that is none of the outbox is undefined', async () => {
      expect(await retry('nobody')).toBeUndefined()
    })
  })

  describe('outbox.cancel', () => {
    const { world, record, cancel } = useOutbox()

    it('a queued message is given up, with one event and one audit entry, and the next has its turn', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      const trace = await traced(world.store, async () => {
        expect(await cancel('A1', t0 + 5)).toMatchObject({
          status: 'failed',
          error: { code: 'cancelled' },
          failedAt: t0 + 5,
        })
      })
      expect(trace).toEqual({ error: undefined, events: ['message.cancelled'], audits: ['message.cancel'] })
      expect(await claim(world.store, world.lease, t0 + 5)).toEqual(['A2'])
    })

    it('a message that waits its turn is given up without disturbing the one in flight', async () => {
      await enqueue(world.store, 'A1')
      await enqueue(world.store, 'A2')
      await claim(world.store, world.lease)
      await cancel('A2')
      expect(await claim(world.store, world.lease)).toEqual([])
      await record('A1', sentAt(t0))
      expect(await claim(world.store, world.lease)).toEqual([])
    })

    it('a parked message keeps what was known of its fate', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      await record('A1', parked)
      expect(await cancel('A1')).toMatchObject({
        status: 'failed',
        error: { code: 'cancelled', detail: expect.stringContaining('no ack') },
      })
    })

    it('a second cancel changes nothing', async () => {
      await enqueue(world.store, 'A1')
      await cancel('A1')
      const trace = await traced(world.store, () => cancel('A1', t0 + second))
      expect(trace).toEqual({ error: undefined, ...nothing })
      expect(await messageOf(world.store, 'A1')).toMatchObject({ failedAt: t0 })
    })

    it('a message in flight, and one that is sent, cannot be given up', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      expect(await rejectedWith(cancel('A1'))).toBe('message_in_flight')
      await record('A1', sentAt(t0))
      expect(await rejectedWith(cancel('A1'))).toBe('message_settled')
    })

    it('a receipt that comes later corrects it', async () => {
      await enqueue(world.store, 'A1')
      await claim(world.store, world.lease)
      await record('A1', retryAt(t0))
      await cancel('A1')
      const receipt = { deviceId, whatsappIds: ['A1'], status: 'delivered' as const, at: t0, from: 'x' }
      expect(await world.store.messages.recordReceipt(world.lease, receipt, origin, t0)).toBe(1)
      expect(await messageOf(world.store, 'A1')).toMatchObject({ status: 'delivered', error: null })
    })

    it('a message that is none of the outbox is undefined', async () => {
      expect(await cancel('nobody')).toBeUndefined()
    })
  })
}
