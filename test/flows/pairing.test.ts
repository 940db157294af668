import { afterAll, beforeAll, expect, test } from 'vitest'
import { readQr } from './qr.ts'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.withGateway({ WHATSAPP_QR_TIMEOUT_MS: '1500', PAIRING_TIMEOUT_MS: '60000' })
}, 60_000)
afterAll(() => closePromised(world))

const fieldsOf = (qr: string): string[] => qr.slice(qr.indexOf('#') + 1).split(',')
const shownQr = async (device: string): Promise<string> => {
  const { qrCode } = await world.untilStatus(device, 'waiting_for_scan')
  return readQr(qrCode ?? '')
}
const untilOtherQr = (device: string, than: string): Promise<string> =>
  eventually('another QR', async () => {
    const { qrCode } = await world.status(device)
    const text = qrCode === null ? than : readQr(qrCode)
    return text !== than && text
  })

test('QR codes refresh by themselves, also after the server has run out of refs', async () => {
  await world.api('POST', '/api/devices/refresh/start')
  const refs = new Set<string>()
  const statuses = new Set<string>()
  // One attempt has 6 refs: more than 6 different ones are of a new attempt that started by itself.
  await eventually(
    '8 different refs',
    async () => {
      const { status, qrCode } = await world.status('refresh')
      statuses.add(status)
      if (qrCode !== null) refs.add(fieldsOf(readQr(qrCode))[0] ?? '')
      return refs.size >= 8
    },
    30_000,
  )
  expect(statuses).not.toContain('disconnected')
  const reasons = (await world.history('refresh')).map((row) => row.reason)
  expect(reasons).toContain('qr_refs_used_up')
  await world.createPhone('15550301')
  expect((await world.scan('15550301', 'refresh')).status).toBe(200)
  await world.untilStatus('refresh', 'connected')
})

test('companion_reg_refresh during pairing shows the same ref with a new secret, and that QR links', async () => {
  for (const [device, number, form] of [
    ['rotate1', '15550311', 'companion_reg_refresh'],
    ['rotate2', '15550312', 'pair-device-rotate-qr'],
  ] as const) {
    await world.createPhone(number)
    await world.api('POST', `/api/devices/${device}/start`)
    const before = await shownQr(device)
    await world.fault('reg-refresh', { form, qr: before })
    const after = await untilOtherQr(device, before)
    const [ref, noise, identity, secret] = fieldsOf(after)
    const [oldRef, oldNoise, oldIdentity, oldSecret] = fieldsOf(before)
    if (ref === oldRef) {
      expect([noise, identity]).toEqual([oldNoise, oldIdentity])
      expect(secret).not.toBe(oldSecret)
    }
    expect(Buffer.from(secret ?? '', 'base64')).toHaveLength(32)
    expect(
      (await world.phone('POST', `/phones/${number}/scan`, { qr: before })).status,
    ).toBeGreaterThanOrEqual(400)
    const scanned = await world.scan(number, device)
    expect(scanned, JSON.stringify(scanned.body)).toMatchObject({ status: 200 })
    await world.untilStatus(device, 'connected')
    await world.clearFaults()
  }
})

test('an account that asks for a passkey ends the attempt with the reason in plain words', async () => {
  await world.api('POST', '/api/devices/passkey/start')
  await world.untilStatus('passkey', 'waiting_for_scan')
  await world.fault('passkey')
  const status = await world.untilStatus('passkey', 'disconnected')
  expect(status.qrCode).toBeNull()
  const { body } = await world.api('GET', '/api/devices/passkey')
  expect(body).toMatchObject({ reason: 'passkey_required' })
  expect(body['detail'] as unknown).toMatch(/passkey/)
})

test('a pairing code links the device when the phone enters it, and a wrong one does not', async () => {
  await world.createPhone('15550321')
  await world.api('POST', '/api/devices/bycode/start')
  const { status, body } = await world.api('POST', '/api/devices/bycode/pairing-code', {
    phone: '+1 555 0321',
  })
  expect(status, JSON.stringify(body)).toBe(200)
  expect(body['code'] as unknown).toMatch(/^[0-9A-Z]{8}$/)
  const wrong = await world.phone('POST', '/phones/15550321/enter-code', { code: 'AAAA-AAAA' })
  expect(wrong.status).toBeGreaterThanOrEqual(400)
  const entered = await world.phone('POST', '/phones/15550321/enter-code', { code: body['code'] })
  expect(entered, JSON.stringify(entered.body)).toMatchObject({ status: 200 })
  await world.untilStatus('bycode', 'connected')
  expect((await world.api('GET', '/api/devices/bycode')).body).toMatchObject({ phone: '15550321' })
  const again = await world.api('POST', '/api/devices/bycode/pairing-code', { phone: '15550321' })
  expect(again.status).toBe(409)
})

test('an abandoned pairing code leaves nothing behind that would break the next QR', async () => {
  await world.createPhone('15550331')
  await world.api('POST', '/api/devices/abandoned/start')
  await world.untilStatus('abandoned', 'waiting_for_scan')
  expect((await world.api('POST', '/api/devices/abandoned/pairing-code', { phone: '15550331' })).status).toBe(
    200,
  )
  await world.api('POST', '/api/devices/abandoned/restart')
  await eventually('a new QR after the restart', async () => {
    const rows = await world.history('abandoned')
    return (
      rows.findLastIndex((r) => r.status === 'waiting_for_scan') >
      rows.findLastIndex((r) => r.reason === 'restarted')
    )
  })
  expect((await world.scan('15550331', 'abandoned')).status).toBe(200)
  await world.untilStatus('abandoned', 'connected')
})

test('a device that is unlinked on the phone says logged_out, keeps no usable credentials, and links anew', async () => {
  await world.link('unlinked', '15550341')
  await world.phone('DELETE', '/phones/15550341/devices')
  await world.untilStatus('unlinked', 'disconnected')
  const { body } = await world.api('GET', '/api/devices/unlinked')
  expect(body).toMatchObject({ reason: 'logged_out' })
  expect(world.query("select 1 from auth_creds where device_id = 'unlinked'")).toEqual([])
  expect(world.query("select 1 from auth_quarantine where device_id = 'unlinked'").length).toBeGreaterThan(0)
  const refused = await world.api('POST', '/api/devices/unlinked/send', { to: '15550301', message: 'no' })
  expect(refused.status).toBe(409)
  await world.link('unlinked', '15550341')
})

test('stop keeps the credentials, start logs in without a scan, restart too', async () => {
  await world.link('stopper', '15550351')
  expect((await world.api('POST', '/api/devices/stopper/stop')).status).toBe(200)
  await world.untilStatus('stopper', 'disconnected')
  await eventually('the socket is closed', async () => {
    const accounts = (await world.phone('GET', '/accounts')).body as unknown as {
      number: string
      companions: { connected: boolean }[]
    }[]
    return accounts.find((account) => account.number === '15550351')?.companions.every((c) => !c.connected)
  })
  await world.api('POST', '/api/devices/stopper/start')
  await world.untilStatus('stopper', 'connected')
  await world.api('POST', '/api/devices/stopper/restart')
  await eventually('connected after the restart', async () => {
    const rows = await world.history('stopper')
    return (
      rows.findLastIndex((r) => r.status === 'connected') >
      rows.findLastIndex((r) => r.reason === 'restarted')
    )
  })
  expect((await world.history('stopper')).filter((row) => row.status === 'waiting_for_scan')).toHaveLength(1)
})

test('start after delete needs a new scan, and what was not sent before is not sent after', async () => {
  await world.link('again', '15550361')
  await world.createPhone('15550369')
  await world.api('POST', '/api/devices/again/stop')
  const late = await world.api(
    'POST',
    '/api/devices/again/send',
    { to: '15550369', message: 'too late' },
    { Prefer: 'respond-async' },
  )
  expect(late.status).toBe(202)
  expect((await world.api('DELETE', '/api/devices/again')).status).toBe(200)
  await world.api('POST', '/api/devices/again/start')
  await world.untilStatus('again', 'waiting_for_scan')
  expect((await world.scan('15550361', 'again')).status).toBe(200)
  await world.untilStatus('again', 'connected')
  const { body } = await world.api('GET', `/api/messages/${String(late.body['id'])}`)
  expect(body).toMatchObject({ status: 'failed', error: { code: 'device_removed' } })
  expect(await world.phoneMessages('15550369')).toEqual([])
})
