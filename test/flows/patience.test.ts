import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { World } from './world.ts'

/** What ends by itself, and what waits for a WhatsApp that is away. */
let world: World
beforeAll(async () => {
  world = await World.withGateway({ PAIRING_TIMEOUT_MS: '4000', WHATSAPP_QR_TIMEOUT_MS: '1000' })
}, 60_000)
afterAll(() => world.close())

test('a QR that nobody scans ends as pairing_timeout, and a start begins anew', async () => {
  await world.api('POST', '/api/devices/slow/start')
  await world.untilStatus('slow', 'waiting_for_scan')
  const status = await world.untilStatus('slow', 'disconnected')
  expect(status.qrCode).toBeNull()
  expect((await world.api('GET', '/api/devices/slow')).body).toMatchObject({ reason: 'pairing_timeout' })
  expect((await world.stats())['pairingSockets']).toBe(0)
  await world.api('POST', '/api/devices/slow/start')
  await world.untilStatus('slow', 'waiting_for_scan')
})

test('a start while the QR is shown moves the end of the pairing time', async () => {
  await world.api('POST', '/api/devices/extended/start')
  const begun = Date.now()
  await eventually('twice the pairing time has passed', async () => {
    await world.api('POST', '/api/devices/extended/start')
    return Date.now() - begun > 8_000
  })
  expect((await world.history('extended')).map((row) => row.reason)).not.toContain('pairing_timeout')
})

test('a device that is deleted while WhatsApp cannot be reached is unlinked when it can be again', async () => {
  await world.link('away', '15551201')
  await world.fault('reject-upgrade', { status: 503, count: 1_000 })
  await world.fault('drop', { device: '15551201' })
  await world.untilStatus('away', 'reconnecting')
  const answer = await world.api('DELETE', '/api/devices/away')
  expect(answer).toMatchObject({ status: 200, body: { status: 'removed', device: 'away' } })
  expect((await world.api('GET', '/api/devices/away')).status).toBe(404)
  expect(world.query("select 1 from auth_creds where device_id = 'away'")).toHaveLength(1)
  await world.clearFaults()
  await eventually(
    'unlinked at WhatsApp and wiped',
    async () => {
      const { body } = await world.phone('GET', '/phones/15551201')
      const gone = (body['companions'] as unknown as unknown[]).length === 0
      return gone && world.query("select 1 from auth_creds where device_id = 'away'").length === 0
    },
    60_000,
  )
}, 90_000)

test('a server that accepts the connection and says nothing is given up and tried again', async () => {
  await world.link('silent', '15551202')
  await world.fault('silent-handshake', { count: 1 })
  await world.fault('drop', { device: '15551202' })
  await world.untilStatus('silent', 'reconnecting')
  await world.untilStatus('silent', 'connected', 60_000)
  const reasons = (await world.history('silent')).map((row) => row.reason)
  expect(reasons.some((reason) => reason === 'connect_failed' || reason === 'connect_timeout')).toBe(true)
}, 90_000)
