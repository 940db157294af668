import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, utimesSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterEach, describe, expect, it } from 'vitest'
import { start, stop } from '../../src/domain/device.ts'
import { deviceLeaseName } from '../../src/domain/lease.ts'
import { openStore, type OpenOptions } from '../../src/store/sqlite/open.ts'
import { openWakeups } from '../../src/store/sqlite/wakeups.ts'
import type { Store } from '../../src/store/store.ts'
import { deviceId, leaseTtlMs, origin, t0 } from './conformance/fixtures.ts'
import { newFile, newFolder } from './files.ts'

const noticeMaxMs = 500
/** Sooner than the poll can be counted on: it must have been a poke. */
const pokeMaxMs = 150

const opened: Store[] = []
const open = async (options: OpenOptions): Promise<Store> => {
  const store = await openStore(options)
  opened.push(store)
  return store
}

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close()
})

const count = (store: Store): (() => number) => {
  let heard = 0
  store.onChange(() => {
    heard += 1
  })
  return () => heard
}

const heardWithin = async (heard: () => number, ms: number): Promise<void> => {
  const before = heard()
  await expect.poll(heard, { timeout: ms, interval: 5 }).toBeGreaterThan(before)
}

const sockets = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.sock'))

describe('onChange', () => {
  it('a commit of another process is noticed', async () => {
    const file = newFile()
    const heard = count(await open({ file }))
    const source = `
      import { openStore } from ${JSON.stringify(path.join(import.meta.dirname, '../../src/store/sqlite/open.ts'))}
      const store = await openStore({ file: ${JSON.stringify(file)} })
      process.stdin.on('data', () => store.probe(1)).on('end', () => store.close())
      console.log('ready')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => {
      child.stdout.once('data', resolve)
    })
    child.stdin.write('go')
    await heardWithin(heard, noticeMaxMs)
    child.stdin.end()
    await new Promise((resolve) => {
      child.once('exit', resolve)
    })
  })

  it('a poke comes before the poll, in both directions', async () => {
    const file = newFile()
    const [first, second] = [await open({ file }), await open({ file })]
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      for (let round = 0; round < 3; round++) {
        const heard = count(to)
        await from.probe(round)
        await heardWithin(heard, pokeMaxMs)
      }
    }
  })

  it('listeners do not hear of rows that nobody waits for', async () => {
    const store = await open({ file: ':memory:' })
    await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, t0))
    const lease = await store.leases.claim(deviceLeaseName(deviceId), 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('a new lease was refused')
    const heard = count(store)
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    await turn()
    const before = heard()
    await store.auth.commit(lease, deviceId, { session: { a: Buffer.from('a') } }, null, t0)
    await store.leases.renew('c1', [lease], leaseTtlMs, t0)
    await turn()
    expect(heard()).toBe(before)
    await store.devices.decide(deviceId, (device) => stop(device, deviceId, origin, t0))
    await turn()
    expect(heard()).toBe(before + 1)
  })

  it('without a poke the poll notices', async () => {
    const file = newFile()
    const first = await open({ file, wakeupsDir: newFolder() })
    const second = await open({ file, wakeupsDir: newFolder() })
    const heard = count(second)
    await first.probe(t0)
    await heardWithin(heard, noticeMaxMs)
  })

  it('a folder whose path is too long for a socket is served from the temp folder', async () => {
    const file = path.join(newFolder(), 'long'.repeat(30), 'gateway.db')
    const [first, second] = [await open({ file }), await open({ file })]
    expect(sockets(path.dirname(file))).toEqual([])
    const heard = count(second)
    await first.probe(t0)
    await heardWithin(heard, pokeMaxMs)
  })

  it('a folder that can hold no socket leaves the poll', async () => {
    const file = newFile()
    const wakeupsDir = path.join(newFolder(), 'missing')
    const [first, second] = [await open({ file, wakeupsDir }), await open({ file, wakeupsDir })]
    const heard = count(second)
    await first.probe(t0)
    await heardWithin(heard, noticeMaxMs)
  })

  it('the socket of a dead process is removed, that of a living one stays', async () => {
    const folder = newFolder()
    const dead = path.join(folder, 'wake-1-00000000.sock')
    const child = spawn(process.execPath, [
      '-e',
      `require('node:net').createServer().listen(${JSON.stringify(dead)}, () => console.log('ready'))`,
    ])
    await new Promise((resolve) => {
      child.stdout.once('data', resolve)
    })
    child.kill('SIGKILL')
    await new Promise((resolve) => {
      child.once('exit', resolve)
    })
    utimesSync(dead, 1, 1)
    const living = createServer()
    const name = 'wake-1-00000001.sock'
    await new Promise<void>((resolve) => {
      living.listen(path.join(folder, name), resolve)
    })
    const store = await open({ file: path.join(folder, 'gateway.db') })
    expect(sockets(folder)).toHaveLength(2)
    expect(sockets(folder)).toContain(name)
    await store.close()
    expect(sockets(folder)).toEqual([name])
    living.close()
  })

  it('a verb that changes nothing wakes nobody', async () => {
    const file = newFile()
    mkdirSync(path.dirname(file), { recursive: true })
    const [store, other] = [await open({ file }), await open({ file })]
    const lease = await store.leases.claim(`device/${deviceId}`, 'c1', leaseTtlMs, t0)
    if (lease === undefined) throw new Error('the lease was refused')
    const settled = count(other)
    await heardWithin(settled, noticeMaxMs)
    const [own, others] = [count(store), count(other)]
    const since = performance.now()
    await expect
      .poll(
        async () => {
          await store.outbox.claim(lease, { deviceId, limit: 1 }, origin, t0)
          return performance.now() - since
        },
        { interval: 20 },
      )
      .toBeGreaterThan(noticeMaxMs)
    // The poll may still tell of the lease itself, once.
    expect(own() + others()).toBeLessThanOrEqual(1)
  })
})

describe('a turn at the lock', () => {
  it('is asked for and given between the processes of a folder, and an asking one is no change', async () => {
    const folder = newFolder()
    const heard: string[] = []
    const join = async (name: string) => {
      const client = new BetterSqlite(':memory:')
      const wakeups = await openWakeups(client, { folder, log: undefined })
      wakeups.turns({
        asked: () => void heard.push(`${name} is asked`),
        free: () => void heard.push(`${name} may try`),
      })
      wakeups.subscribe(() => void heard.push(`${name} may read`))
      return wakeups
    }
    const [a, b] = [await join('a'), await join('b')]
    a.askForTurn()
    await expect.poll(() => heard, { interval: 5 }).toContain('b is asked')
    b.giveTurn()
    await expect.poll(() => heard, { interval: 5 }).toContain('a may read')
    expect(heard).toEqual(['b is asked', 'a may try', 'a may read'])
    await a.close()
    await b.close()
  })
})
