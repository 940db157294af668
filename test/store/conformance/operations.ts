import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../../src/domain/errors.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import {
  openOperationsMax,
  operationDueAheadMaxMs,
  type Operation,
  type OperationInput,
  operationRules,
} from '../../../src/domain/operation.ts'
import {
  alice,
  aliceLid,
  claim as claimMessages,
  deviceId,
  enqueue as enqueueMessage,
  incoming,
  leaseTtlMs,
  messageOf,
  nobody,
  nothing,
  type OpenStores,
  origin,
  second,
  sentAt,
  t0,
  traced,
  useWorld,
} from './fixtures.ts'

const star = (messageId: string, starred = true): OperationInput => ({ kind: 'star', messageId, starred })
const list: OperationInput = { kind: 'group_list' }
const create: OperationInput = { kind: 'group_create', subject: 's', participants: ['1@s.whatsapp.net'] }
const done = { state: 'done', result: null } as const
const failed = { state: 'failed', error: { code: 'refused_403', detail: 'no' } } as const
const later = (notBefore: number) =>
  ({ state: 'queued', notBefore, error: { code: 'not_done', detail: 'closed' } }) as const
const admit = (): void => undefined

export const describeOperations = (open: OpenStores): void => {
  const useOperations = () => {
    const world = useWorld(open)
    const verbs = {
      ask: (id: string, input: OperationInput, now = t0, key?: string, requestHash = 'h') =>
        world.store.operations.enqueue(
          { id, deviceId, input, ...(key === undefined ? {} : { idempotency: { key, requestHash } }) },
          admit,
          origin,
          now,
        ),
      claim: async (now = t0, limit = 10): Promise<string[]> => {
        const claimed = await world.store.operations.claim(world.lease, { deviceId, limit }, origin, now)
        return claimed.map(({ id }) => id)
      },
      record: (id: string, after: Parameters<typeof world.store.operations.record>[2], now = t0) =>
        world.store.operations.record(world.lease, id, after, origin, now),
      get: async (id: string): Promise<Operation> => {
        const operation = await world.other.operations.get(id)
        if (operation === undefined) throw new Error(`there is no operation ${id}`)
        return operation
      },
    }
    return { world, ...verbs }
  }
  /** A message from Alice, and one to her that is sent. */
  const withMessages = async (world: ReturnType<typeof useWorld>): Promise<void> => {
    const promotion = incoming('in1', { chat: { ...alice, lid: aliceLid }, whatsappId: 'WA1' })
    await world.store.inbound.promote(world.lease, { deviceId, stanzaKey: 'k', promotion }, origin, t0)
    await enqueueMessage(world.store, 'OUT1')
    await claimMessages(world.store, world.lease)
    await world.store.outbox.record(world.lease, 'OUT1', sentAt(t0), origin, t0)
  }

  describe('operations.enqueue', () => {
    const { world, ask, claim, record, get } = useOperations()

    it('an accepted operation is queued, with one event and an audit entry that has its input', async () => {
      const trace = await traced(world.store, () => ask('op_1', star('m1')))
      expect(trace).toEqual({ error: undefined, events: ['operation.queued'], audits: ['operation.enqueue'] })
      expect(await get('op_1')).toEqual({
        id: 'op_1',
        deviceId,
        input: star('m1'),
        state: 'queued',
        result: null,
        error: null,
        attempts: 0,
        createdAt: t0,
        updatedAt: t0,
      })
      const audit = (await world.store.audit.after(0, 100)).at(-1)
      expect(audit).toMatchObject({ target: { kind: 'operation', id: 'op_1' }, after: { input: star('m1') } })
    })

    it('a refusal of admission leaves nothing behind', async () => {
      const { error, ...trace } = await traced(world.store, () =>
        world.store.operations.enqueue(
          { id: 'op_1', deviceId, input: list },
          (device) => {
            expect(device?.id).toBe(deviceId)
            throw new GatewayError('device_not_linked', 'no')
          },
          origin,
          t0,
        ),
      )
      expect(error).toMatchObject({ code: 'device_not_linked' })
      expect(trace).toEqual(nothing)
      expect(await world.other.operations.get('op_1')).toBeUndefined()
    })

    it('the same key and request give the first operation again, another request is a conflict', async () => {
      expect(await ask('op_1', create, t0, 'k')).toMatchObject({ kind: 'accepted' })
      const trace = await traced(world.store, async () => {
        expect(await ask('op_2', create, t0, 'k')).toMatchObject({
          kind: 'repeated',
          operation: { id: 'op_1' },
        })
        expect(await ask('op_3', create, t0, 'k', 'other')).toMatchObject({ kind: 'conflict' })
      })
      expect(trace).toEqual({ error: undefined, ...nothing })
    })

    it('no more are open than there may be, and those that are too old make room', async () => {
      for (let at = 0; at < openOperationsMax; at++) await ask(`op_${at}`, list)
      await expect(ask('more', list)).rejects.toMatchObject({ code: 'operations_full' })
      const old = t0 + operationRules.group_list.ageMaxMs
      expect(await ask('more', list, old)).toMatchObject({ kind: 'accepted' })
      expect(await get('op_0')).toMatchObject({ state: 'failed', error: { code: 'expired' } })
      expect(await claim(old)).toEqual(['more'])
      await record('more', failed)
    })
  })

  describe('operations.claim', () => {
    const { world, ask, claim, record, get } = useOperations()

    it('takes the oldest first, at most as many as asked for, and no running one again', async () => {
      for (const id of ['op_1', 'op_2', 'op_3']) await ask(id, list)
      const trace = await traced(world.store, async () =>
        expect(await claim(t0, 2)).toEqual(['op_1', 'op_2']),
      )
      expect(trace.audits).toEqual(['operation.attempt', 'operation.attempt'])
      expect(await get('op_1')).toMatchObject({ state: 'running', attempts: 1 })
      expect(await claim()).toEqual(['op_3'])
      expect(await claim()).toEqual([])
    })

    it('does what concerns one message in order, also while the first waits for its next attempt', async () => {
      await ask('on', star('m1'))
      await ask('off', star('m1', false))
      await ask('other', star('m2'))
      expect(await claim()).toEqual(['on', 'other'])
      await record('on', later(t0 + second))
      expect(await claim()).toEqual([])
      expect(await claim(t0 + second)).toEqual(['on'])
      await record('on', done)
      expect(await claim(t0 + second)).toEqual(['off'])
    })

    it('one waits no longer though the clock is put back meanwhile', async () => {
      await ask('op_1', star('m1'))
      await claim()
      await record('op_1', later(t0 + operationDueAheadMaxMs))
      expect(await world.other.operations.nextDue(deviceId)).toBe(t0 + operationDueAheadMaxMs)
      expect(await claim()).toEqual([])
      expect(await claim(t0 - second)).toEqual(['op_1'])
      expect(await world.other.operations.nextDue(deviceId)).toBeNull()
    })

    it('one that is too old is not begun but has failed, and says so', async () => {
      await ask('op_1', list)
      const trace = await traced(world.store, async () =>
        expect(await claim(t0 + operationRules.group_list.ageMaxMs)).toEqual([]),
      )
      expect(trace).toMatchObject({ events: ['operation.failed'], audits: ['operation.cancel'] })
      expect(await get('op_1')).toMatchObject({ state: 'failed', error: { code: 'expired' }, attempts: 0 })
    })

    it('a stale lease can neither claim, record, recover nor cancel', async () => {
      const { operations } = world.store
      const stale = [
        operations.claim(nobody, { deviceId, limit: 1 }, origin, t0),
        operations.record(nobody, 'op_1', done, origin, t0),
        operations.recover(nobody, deviceId, origin, t0),
        operations.cancelAll(nobody, deviceId, failed.error, origin, t0),
      ]
      for (const verb of stale) await expect(verb).rejects.toThrow(StaleLeaseError)
    })
  })

  describe('operations.record', () => {
    const { world, ask, claim, record, get } = useOperations()

    it('keeps what it came to, with one event and one audit entry', async () => {
      await ask('op_1', list)
      await claim()
      const trace = await traced(world.store, () =>
        record('op_1', { state: 'done', result: { groups: [] } }, t0 + 1),
      )
      expect(trace).toEqual({ error: undefined, events: ['operation.done'], audits: ['operation.attempt'] })
      expect(await get('op_1')).toMatchObject({ state: 'done', result: { groups: [] }, updatedAt: t0 + 1 })
    })

    it.each([failed, { ...failed, state: 'unknown' }] as const)(
      'one that ends as $state says why',
      async (after) => {
        await ask('op_1', create)
        await claim()
        const trace = await traced(world.store, () => record('op_1', after))
        expect(trace.events).toEqual([`operation.${after.state}`])
        expect(await get('op_1')).toMatchObject(after)
      },
    )

    it('an outcome that comes after another is ignored', async () => {
      await ask('op_1', create)
      await claim()
      await record('op_1', failed)
      const trace = await traced(world.store, () => record('op_1', done))
      expect(trace).toEqual({ error: undefined, ...nothing })
      expect(await get('op_1')).toMatchObject({ state: 'failed' })
    })

    it('a star that is done stands on its message, once, and goes when it is taken off', async () => {
      await withMessages(world)
      const doIt = async (id: string, input: OperationInput, now: number): Promise<string[]> => {
        await ask(id, input)
        await claim()
        return (await traced(world.store, () => record(id, done, now))).events
      }
      expect(await doIt('op_1', star('in1'), t0 + 1)).toEqual(['message.starred', 'operation.done'])
      expect(await messageOf(world.other, 'in1')).toMatchObject({ starredAt: t0 + 1 })
      expect(await doIt('op_2', star('in1'), t0 + 2)).toEqual(['operation.done'])
      expect(await doIt('op_3', star('in1', false), t0 + 3)).toEqual(['message.unstarred', 'operation.done'])
      expect(await messageOf(world.other, 'in1')).toMatchObject({ starredAt: null })
      const forMe = { kind: 'delete_for_me', messageId: 'OUT1' } as const
      expect(await doIt('op_4', forMe, t0 + 4)).toEqual(['message.deleted_for_me', 'operation.done'])
      expect(await messageOf(world.other, 'OUT1')).toMatchObject({ deletedForMeAt: t0 + 4, deletedAt: null })
    })

    it('of a star that failed the message shows nothing', async () => {
      await withMessages(world)
      await ask('op_1', star('in1'))
      await claim()
      await record('op_1', failed)
      expect(await messageOf(world.other, 'in1')).toMatchObject({ starredAt: null })
    })

    it('what was read is read here too, what is our own is not, and played is more than read', async () => {
      await withMessages(world)
      const read = { kind: 'mark_read', messageIds: ['in1', 'OUT1', 'gone'], played: false } as const
      await ask('op_1', read)
      await claim()
      const trace = await traced(world.store, () => record('op_1', done, t0 + 5))
      expect(trace.events).toEqual(['message.read', 'operation.done'])
      expect(await messageOf(world.other, 'in1')).toMatchObject({
        status: 'read',
        readAt: t0 + 5,
        sentAt: null,
      })
      expect(await messageOf(world.other, 'OUT1')).toMatchObject({ status: 'sent' })
      await ask('op_2', { ...read, played: true })
      await claim()
      await record('op_2', done, t0 + 6)
      expect(await messageOf(world.other, 'in1')).toMatchObject({ status: 'played', playedAt: t0 + 6 })
    })
  })

  describe('operations that outlive their owner', () => {
    const { world, ask, claim, get } = useOperations()
    const next = async () => {
      const lease = await world.store.leases.claim(world.lease.name, 'c1', leaseTtlMs, t0)
      if (lease === undefined) throw new Error('no second term')
      return lease
    }

    it('what can be repeated is queued again, the making of a group is unknown for good', async () => {
      await ask('op_1', star('m1'))
      await ask('op_2', create)
      await ask('op_3', list)
      expect(await claim(t0, 2)).toEqual(['op_1', 'op_2'])
      const lease = await next()
      const trace = await traced(world.store, async () =>
        expect(await world.store.operations.recover(lease, deviceId, origin, t0 + 1)).toBe(2),
      )
      expect(trace.events).toEqual(['operation.unknown'])
      expect(await get('op_1')).toMatchObject({ state: 'queued', attempts: 1 })
      expect(await get('op_2')).toMatchObject({ state: 'unknown', error: { code: 'unknown_outcome' } })
      const again = await world.store.operations.claim(lease, { deviceId, limit: 9 }, origin, t0 + 1)
      expect(again.map(({ id }) => id)).toEqual(['op_1', 'op_3'])
      expect(await world.store.operations.recover(lease, deviceId, origin, t0 + 1)).toBe(0)
    })

    it('those of a device that is removed are given up', async () => {
      await ask('op_1', star('m1'))
      await ask('op_2', list)
      await claim(t0, 1)
      const error = { code: 'device_removed', detail: 'gone' }
      const trace = await traced(world.store, async () =>
        expect(await world.store.operations.cancelAll(world.lease, deviceId, error, origin, t0)).toBe(2),
      )
      expect(trace.events).toEqual(['operation.failed', 'operation.failed'])
      expect(await get('op_2')).toMatchObject({ state: 'failed', error })
    })

    it('what was only asked is forgotten in time, what was done and what is open is not', async () => {
      await ask('asked', list)
      await ask('made', create)
      await ask('open', list)
      await claim(t0, 2)
      await world.store.operations.record(world.lease, 'asked', failed, origin, t0)
      await world.store.operations.record(world.lease, 'made', failed, origin, t0)
      expect(await world.store.operations.prune(deviceId, t0)).toBe(0)
      expect(await world.store.operations.prune(deviceId, t0 + 1)).toBe(1)
      expect(await world.other.operations.get('asked')).toBeUndefined()
      expect(await get('made')).toMatchObject({ state: 'failed' })
      expect(await get('open')).toMatchObject({ state: 'queued' })
    })
  })

  describe('messages.mark', () => {
    const world = useWorld(open)
    const mark = (more: { chat?: string; fromMe?: boolean } = {}, lease = world.lease) =>
      world.store.messages.mark(
        lease,
        { deviceId, whatsappId: 'WA1', fromMe: false, chat: alice.pn ?? '', ...more },
        'starred',
        origin,
        t0 + 1,
      )

    it('marks the message of that chat and author, by either address, and once', async () => {
      await withMessages(world)
      expect(await mark({ fromMe: true })).toBe(0)
      expect(await mark({ chat: '491599@s.whatsapp.net' })).toBe(0)
      const trace = await traced(world.store, async () => expect(await mark({ chat: aliceLid })).toBe(1))
      expect(trace).toMatchObject({ events: ['message.starred'], audits: ['message.mark'] })
      expect(await mark()).toBe(0)
      expect(await messageOf(world.other, 'in1')).toMatchObject({ starredAt: t0 + 1 })
    })

    it('a stale epoch cannot mark a message', async () => {
      await withMessages(world)
      await expect(mark({}, nobody)).rejects.toThrow(StaleLeaseError)
      expect(await messageOf(world.other, 'in1')).toMatchObject({ starredAt: null })
    })
  })
}
