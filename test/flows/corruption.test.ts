import path from 'node:path'
import BetterSqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Command, eventually } from './processes.ts'
import { World } from './world.ts'

let world: World
let gateway: Command
beforeAll(async () => {
  world = await World.open()
  gateway = await world.startGateway()
  await world.link('good', '15550801')
  await world.link('bad', '15550802')
}, 90_000)
afterAll(() => world.close())

const write = (sql: string): void => {
  const database = new BetterSqlite(path.join(world.dataDir, 'gateway.db'), { timeout: 5_000 })
  database.prepare(sql).run()
  database.close()
}

test('corrupt credentials of a paired device: it says why and keeps them, the others go on', async () => {
  await gateway.stop()
  write("update auth_creds set creds = 'garbage' where device_id = 'bad'")
  gateway = await world.startGateway()
  await world.untilStatus('good', 'connected')
  await world.untilStatus('bad', 'disconnected')
  const { body } = await world.api('GET', '/api/devices/bad')
  expect(body).toMatchObject({ reason: 'credentials_corrupt' })
  expect(world.query("select creds from auth_creds where device_id = 'bad'")).toEqual([{ creds: 'garbage' }])
})

test('removing it and linking it anew mends it', async () => {
  expect((await world.api('DELETE', '/api/devices/bad')).status).toBe(200)
  await eventually('it is gone', async () => (await world.api('GET', '/api/devices/bad')).status === 404)
  await world.link('bad', '15550802')
})

test('half-made credentials of a device that never paired are cleared by themselves', async () => {
  await world.api('POST', '/api/devices/half/start')
  await world.untilStatus('half', 'waiting_for_scan')
  await world.api('POST', '/api/devices/half/stop')
  await world.untilStatus('half', 'disconnected')
  await gateway.stop()
  write(
    "insert into auth_creds (device_id, creds, updated_at) values ('half', '{\"half\":', 1) on conflict (device_id) do update set creds = excluded.creds",
  )
  gateway = await world.startGateway()
  await world.api('POST', '/api/devices/half/start')
  await world.createPhone('15550803')
  await world.untilStatus('half', 'waiting_for_scan')
  expect((await world.scan('15550803', 'half')).status).toBe(200)
  await world.untilStatus('half', 'connected')
})

test('corrupt key rows of one device do not end the process or touch the others', async () => {
  const pid = gateway.pidOf('connector')
  write("update auth_keys set bytes = x'00ff00ff' where device_id = 'bad' and bytes is not null")
  await world.api('POST', '/api/devices/bad/send', { to: '15550801', message: 'over broken sessions' })
  await world.phone('POST', '/phones/15550803/messages', { to: '15550802', text: 'into broken sessions' })
  await world.createPhone('15550899')
  const { body } = await world.api('POST', '/api/devices/good/send', {
    to: '15550899',
    message: 'still fine',
  })
  expect(body['status'] as unknown).toBe('sent')
  expect(gateway.pidOf('connector')).toBe(pid)
})

test('10,000 devices are listed, and the linked ones stay connected', async () => {
  const database = new BetterSqlite(path.join(world.dataDir, 'gateway.db'), { timeout: 5_000 })
  const columns = database.pragma('table_info(devices)') as { name: string }[]
  const others = columns.map((column) => column.name).filter((name) => name !== 'id')
  database
    .prepare(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < 9997)
       insert into devices (id, ${others.join(', ')}) select 'many-' || i, ${others
         .map((name) =>
           name === 'settled_generation'
             ? 'generation'
             : name === 'status'
               ? "'disconnected'"
               : name === 'desired'
                 ? "'stopped'"
                 : name === 'reason'
                   ? "'stopped'"
                   : name,
         )
         .join(', ')} from n, devices where devices.id = 'half'`,
    )
    .run()
  database.close()
  const { status, body } = await world.api('GET', '/api/devices')
  expect(status).toBe(200)
  expect(Object.keys(body)).toHaveLength(10_000)
  expect((await world.status('good')).status).toBe('connected')
})
