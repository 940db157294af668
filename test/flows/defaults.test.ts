import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { readQr } from './qr.ts'
import { World } from './world.ts'

let world: World
const number = '15550901'
const friend = '15550999'
const secrets: string[] = []
beforeAll(async () => {
  world = await World.withGateway({ LOG_LEVEL: 'debug' })
  await world.createPhone(friend)
}, 60_000)
afterAll(() => world.close())

test('a frozen link is not connected any more within 45 s with the default settings, and comes back', async () => {
  await world.createPhone(number)
  await world.api('POST', '/api/devices/dev/start')
  const { qrCode } = await world.untilStatus('dev', 'waiting_for_scan')
  const qr = readQr(qrCode ?? '')
  secrets.push(
    qr,
    ...qr
      .slice(qr.indexOf('#') + 1)
      .split(',')
      .slice(0, 4),
  )
  await world.scan(number, 'dev')
  await world.untilStatus('dev', 'connected')
  await world.fault('freeze', { device: number })
  await eventually('not connected', async () => (await world.status('dev')).status !== 'connected', 45_000)
  await world.untilStatus('dev', 'connected', 30_000)
}, 120_000)

test('no log line holds a key, a QR, a pairing code or the text of a message, at any level', async () => {
  await world.createPhone('15550902')
  await world.api('POST', '/api/devices/coded/start')
  const { body } = await world.api('POST', '/api/devices/coded/pairing-code', { phone: '15550902' })
  secrets.push(String(body['code']))
  await world.phone('POST', '/phones/15550902/enter-code', { code: body['code'] })
  await world.untilStatus('coded', 'connected')
  secrets.push('a very private sentence', 'an equally private answer')
  await world.api('POST', '/api/devices/dev/send', { to: friend, message: 'a very private sentence' })
  await world.phone('POST', `/phones/${friend}/messages`, { to: number, text: 'an equally private answer' })
  await eventually('the answer is stored', async () =>
    (await world.messages('dev')).some((message) => message.text === 'an equally private answer'),
  )
  await world.api('POST', '/api/devices/dev/restart')
  await world.untilStatus('dev', 'connected')
  for (const { creds } of world.query<{ creds: string }>('select creds from auth_creds')) {
    secrets.push(...[...creds.matchAll(/"data":"([^"]{20,})"/g)].map(([, data]) => data ?? ''))
    secrets.push(/"advSecretKey":"([^"]+)"/.exec(creds)?.[1] ?? '')
  }
  const log = world.logLines.map((line) => JSON.stringify(line)).join('\n')
  expect(log.length).toBeGreaterThan(1_000)
  expect(secrets.length).toBeGreaterThan(20)
  for (const secret of secrets) {
    expect(secret).not.toBe('')
    expect(log.includes(secret), `a secret of ${secret.length} characters is in the log`).toBe(false)
  }
  expect(log).not.toMatch(/privKey|rootKey|_sessions/)
})
