import { describe, expect, it } from 'vitest'
import type { NewAuditEntry } from '../../../src/domain/audit.ts'
import { StaleLeaseError } from '../../../src/domain/lease.ts'
import type { JournalRow, KeyChanges } from '../../../src/store/store.ts'
import { deviceId, nobody, nothing, origin, t0, traced, useWorld, type OpenStores } from './fixtures.ts'

const audit = (action: NewAuditEntry['action']): NewAuditEntry => ({
  origin,
  action,
  target: { kind: 'device', id: deviceId },
  before: null,
  after: null,
})

const journalRow = (text: string): JournalRow => ({
  hash: Buffer.from(`hash of ${text}`),
  plaintext: Buffer.from(text),
  stanzaKey: text,
  stanza: '{}',
  part: 0,
  parts: 1,
})

export const describeAuth = (open: OpenStores): void => {
  describe('auth', () => {
    const world = useWorld(open)
    const keys = async (type: string, ids: readonly string[], of = deviceId) =>
      Object.fromEntries(
        [...(await world.other.auth.keys(of, type, ids))].map(([id, value]) => [
          id,
          typeof value === 'string' ? value : [...value],
        ]),
      )

    it('creds are on disk when saving them returns', async () => {
      expect(await world.other.auth.creds(deviceId)).toBeUndefined()
      world.store.auth.saveCredsNow(world.lease, deviceId, '{"a":1}', t0)
      expect(await world.other.auth.creds(deviceId)).toBe('{"a":1}')
      world.store.auth.saveCredsNow(world.lease, deviceId, '{"a":2}', t0)
      expect(await world.other.auth.creds(deviceId)).toBe('{"a":2}')
    })

    it('a stale epoch cannot save creds', async () => {
      expect(() => world.store.auth.saveCredsNow(nobody, deviceId, '{}', t0)).toThrow(StaleLeaseError)
      expect(await world.other.auth.creds(deviceId)).toBeUndefined()
    })

    it('bytes stay bytes, text stays text, and null deletes', async () => {
      const commit = (changes: KeyChanges) =>
        world.store.auth.commit(world.lease, deviceId, changes, null, t0)
      await commit({ session: { a: new Uint8Array([1, 0]), b: '"t"' }, 'pre-key': { a: '2' } })
      expect(await keys('session', ['a', 'b', 'none'])).toEqual({ a: [1, 0], b: '"t"' })
      await commit({ session: { a: '"text now"', b: null, none: null } })
      expect(await keys('session', ['a', 'b'])).toEqual({ a: '"text now"' })
      expect(await keys('pre-key', ['a'])).toEqual({ a: '2' })
    })

    it('an empty value and odd names are kept', async () => {
      const odd = `"'; --\u0000ü`
      await world.store.auth.commit(world.lease, deviceId, { [odd]: { [odd]: new Uint8Array() } }, null, t0)
      expect(await keys(odd, [odd])).toEqual({ [odd]: [] })
    })

    it('keys of another device and another type are not given', async () => {
      await world.store.auth.commit(world.lease, deviceId, { session: { a: '1' } }, null, t0)
      expect(await keys('session', ['a'], 'b')).toEqual({})
      expect(await keys('sender-key', ['a'])).toEqual({})
    })

    it('ratchet and journal row are written together, and found by the hash of the ciphertext', async () => {
      const row = journalRow('hello')
      await world.store.auth.commit(world.lease, deviceId, { session: { a: '1' } }, row, t0)
      expect(Buffer.from((await world.other.auth.journaled(deviceId, row.hash)) ?? []).toString()).toBe(
        'hello',
      )
      expect(await world.other.auth.journaled('b', row.hash)).toBeUndefined()
    })

    it('a stale epoch writes neither ratchet nor journal', async () => {
      const row = journalRow('hello')
      await expect(
        world.store.auth.commit(nobody, deviceId, { session: { a: '1' } }, row, t0),
      ).rejects.toBeInstanceOf(StaleLeaseError)
      expect(await keys('session', ['a'])).toEqual({})
      expect(await world.other.auth.journaled(deviceId, row.hash)).toBeUndefined()
    })

    it('the same ciphertext is journaled once', async () => {
      const row = journalRow('hello')
      await world.store.auth.commit(world.lease, deviceId, {}, row, t0)
      await world.store.auth.commit(world.lease, deviceId, {}, { ...row, plaintext: Buffer.from('x') }, t0)
      expect(Buffer.from((await world.other.auth.journaled(deviceId, row.hash)) ?? []).toString()).toBe(
        'hello',
      )
    })

    for (const verb of ['wipe', 'quarantine'] as const) {
      const act = (lease = world.lease) =>
        verb === 'wipe'
          ? world.store.auth.wipe(lease, deviceId, audit('credentials.wipe'), t0)
          : world.store.auth.quarantine(lease, deviceId, 'broken', audit('credentials.quarantine'), t0)
      const fillIn = async () => {
        world.store.auth.saveCredsNow(world.lease, deviceId, '{}', t0)
        await world.store.auth.commit(world.lease, deviceId, { session: { a: '1' } }, journalRow('x'), t0)
        await world.store.auth.commit(world.lease, 'b', { session: { a: '2' } }, null, t0)
      }

      it(`${verb} leaves no creds and no keys of the device in use, and one audit entry`, async () => {
        await fillIn()
        const trace = await traced(world.store, act)
        expect(trace).toEqual({ error: undefined, events: [], audits: [`credentials.${verb}`] })
        expect(await world.other.auth.creds(deviceId)).toBeUndefined()
        expect(await keys('session', ['a'])).toEqual({})
        expect(await keys('session', ['a'], 'b')).toEqual({ a: '2' })
      })

      it(`a stale epoch cannot ${verb}`, async () => {
        await fillIn()
        const { error, ...trace } = await traced(world.store, () => act(nobody))
        expect(error).toBeInstanceOf(StaleLeaseError)
        expect(trace).toEqual(nothing)
        expect(await world.other.auth.creds(deviceId)).toBe('{}')
      })
    }
  })
}
