import { execFile } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import BetterSqlite from 'better-sqlite3'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { describe, expect, it } from 'vitest'
import { observe, start } from '../../src/domain/device.ts'
import { deviceLeaseName } from '../../src/domain/lease.ts'
import { openStore } from '../../src/store/sqlite/open.ts'
import { StoreError, StoreVersionError } from '../../src/store/store.ts'
import { claim, deviceId, enqueue, incoming, leaseTtlMs, origin, t0 } from './conformance/fixtures.ts'
import { newFile, newFolder } from './files.ts'

const views = ['devices', 'device_history', 'messages', 'outbox', 'leases', 'events', 'audit']

const migrationsFolder = path.join(import.meta.dirname, '../../migrations/sqlite')
const migrations = readMigrationFiles({ migrationsFolder })
/** "WAGW": what the gateway writes into the header of its databases. */
const applicationId = 0x57414757

const openInProcess = (file: string): string => `
  import { openStore } from ${JSON.stringify(path.join(import.meta.dirname, '../../src/store/sqlite/open.ts'))}
  const store = await openStore({ file: ${JSON.stringify(file)} })
  await store.probe(1)
  await store.close()`

describe('openStore', () => {
  it('the files of the database can be read by their owner alone', async () => {
    const file = path.join(newFolder(), 'data', 'gateway.db')
    const store = await openStore({ file })
    await store.probe(t0)
    for (const end of ['', '-wal', '-shm']) expect(statSync(file + end).mode & 0o777).toBe(0o600)
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700)
    await store.close()
  })

  it('what was written is there after closing and opening again', async () => {
    const file = newFile()
    const first = await openStore({ file })
    await enqueue(first, 'M1')
    await first.close()
    const again = await openStore({ file })
    expect(await again.messages.get('M1')).toMatchObject({ id: 'M1', status: 'queued' })
    await again.close()
  })

  it('processes that start at once on a new folder all come up on one schema', async () => {
    const file = newFile()
    const run = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', openInProcess(file)])
    await Promise.all([run(), run(), run()])
    const client = new BetterSqlite(file)
    expect(client.prepare('select count(*) from __drizzle_migrations').pluck().get()).toBe(migrations.length)
    client.close()
  })

  it('a database of the first version is brought up to date, with what waits in its outbox', async () => {
    const file = newFile()
    const client = new BetterSqlite(file)
    const [first] = migrations
    for (const statement of first?.sql ?? []) client.exec(statement)
    client.exec(
      'create table __drizzle_migrations (id integer primary key, hash text not null, created_at integer)',
    )
    client
      .prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)')
      .run(first?.hash, first?.folderMillis)
    client.pragma(`application_id = ${applicationId}`)
    client.exec(`
      insert into messages (id, device_id, whatsapp_id, direction, chat_pn, type, status, attempts, created_at, content)
        values ('M1', '${deviceId}', 'M1', 'outbound', '1@s.whatsapp.net', 'text', 'queued', 0, ${t0}, x'00');
      insert into outbox (message_id, device_id, chat, state, due_at, attempts, created_at, updated_at)
        values ('M1', '${deviceId}', '1@s.whatsapp.net', 'queued', ${t0}, 0, ${t0}, ${t0})`)
    client.close()
    const store = await openStore({ file })
    const lease = await store.leases.claim(deviceLeaseName(deviceId), 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('a free lease was refused')
    expect(await claim(store, lease)).toEqual(['M1'])
    await store.close()
  })

  it('a database of a newer version is refused with what to do, and left as it is', async () => {
    const file = newFile()
    await (await openStore({ file })).close()
    const client = new BetterSqlite(file)
    client.prepare('insert into __drizzle_migrations (hash, created_at) values (?, ?)').run('x', 9e12)
    client.close()
    const before = readFileSync(file)
    const opening = openStore({ file })
    await expect(opening).rejects.toBeInstanceOf(StoreVersionError)
    await expect(opening).rejects.toThrow('upgrade the gateway or restore a backup')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('an SQLite database of another program is refused and left as it is', async () => {
    const file = newFile()
    const client = new BetterSqlite(file)
    client.exec('create table devices (id text)')
    client.close()
    const before = readFileSync(file)
    const opening = openStore({ file })
    await expect(opening).rejects.toBeInstanceOf(StoreVersionError)
    await expect(opening).rejects.toThrow('not one of the gateway')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('a file that is no database is refused and left as it is', async () => {
    const file = newFile()
    writeFileSync(file, 'just some text, and more than a header of it '.repeat(50))
    const before = readFileSync(file)
    const opening = openStore({ file })
    await expect(opening).rejects.toBeInstanceOf(StoreVersionError)
    await expect(opening).rejects.toThrow('is no SQLite database')
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('a folder that cannot be written is told in words', async () => {
    const file = newFile()
    writeFileSync(file, '')
    const opening = openStore({ file: path.join(file, 'gateway.db') })
    await expect(opening).rejects.toBeInstanceOf(StoreError)
    await expect(opening).rejects.toMatchObject({ kind: 'read_only' })
    await expect(opening).rejects.toThrow(file)
  })
})

describe('views', () => {
  const fillIn = async (file: string): Promise<void> => {
    const store = await openStore({ file })
    await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, t0))
    const lease = await store.leases.claim(`device/${deviceId}`, 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('the lease was refused')
    await store.devices.observe(lease, deviceId, (before) =>
      observe(
        before,
        before.generation,
        {
          status: 'waiting_for_scan',
          qr: { text: 'SECRET-qr', dataUrl: 'data:SECRET-picture', expiresAt: t0 + 5 },
          pairingCode: { phone: '49151', requestedAt: t0, code: 'SECRET-code', error: null },
        },
        origin,
        t0,
      ),
    )
    store.auth.saveCredsNow(lease, deviceId, '"SECRET-creds"', t0)
    await store.auth.commit(lease, deviceId, { session: { a: '"SECRET-key"' } }, null, t0)
    await enqueue(store, 'M1', {}, t0 + 7)
    await store.inbound.promote(lease, { deviceId, stanzaKey: 's', promotion: incoming('IN1') }, origin, t0)
    await store.close()
  }

  it('every view can be read, says times as ISO text, and tells no secret', async () => {
    const file = newFile()
    await fillIn(file)
    const client = new BetterSqlite(file, { readonly: true })
    const rows = views.map((name) => client.prepare(`select * from v_${name}`).all())
    const device = client.prepare('select connector, status_at from v_devices').get()
    const message = client.prepare(`select * from v_messages where id = 'M1'`).get()
    client.close()
    for (const of of rows) expect(of.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain('SECRET')
    expect(JSON.stringify(rows)).not.toMatch(/18000000\d{5}/)
    expect(device).toEqual({ connector: 'c1', status_at: '2027-01-15T08:00:00.000Z' })
    expect(message).toMatchObject({
      chat: '491511111111@s.whatsapp.net',
      text: 'text of M1',
      created_at: '2027-01-15T08:00:00.007Z',
      sent_at: null,
    })
  })
})

describe('the quarantine', () => {
  it('holds creds and keys as they were, with the reason', async () => {
    const file = newFile()
    const store = await openStore({ file })
    const lease = await store.leases.claim(`device/${deviceId}`, 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('the lease was refused')
    store.auth.saveCredsNow(lease, deviceId, '"creds"', t0)
    await store.auth.commit(
      lease,
      deviceId,
      { session: { a: '"text"', b: new Uint8Array([1, 2]) } },
      null,
      t0,
    )
    const target = { kind: 'device', id: deviceId } as const
    const audit = { origin, action: 'credentials.quarantine', target, before: null, after: null } as const
    await store.auth.quarantine(lease, deviceId, 'broken', audit, t0 + 1)
    await store.close()
    const client = new BetterSqlite(file, { readonly: true })
    const rows = client.prepare('select type, key_id, bytes, json, reason, at from auth_quarantine').all()
    client.close()
    const why = { reason: 'broken', at: t0 + 1 }
    expect(rows).toEqual([
      { type: null, key_id: null, bytes: null, json: '"creds"', ...why },
      { type: 'session', key_id: 'a', bytes: null, json: '"text"', ...why },
      { type: 'session', key_id: 'b', bytes: Buffer.from([1, 2]), json: null, ...why },
    ])
  })
})
