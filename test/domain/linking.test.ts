import { describe, expect, it } from 'vitest'
import {
  account,
  fromPath,
  fromSession,
  limits,
  minute,
  refsUsedUp,
  restartRequired,
  second,
  t0,
} from './fixtures.ts'
import { online, pairing, World } from './world.ts'

describe('linking by QR', () => {
  it('goes from started over the QR and the scan to connected', () => {
    const world = online()
    expect(world.history).toEqual([
      'starting/started',
      'connecting/started',
      'waiting_for_scan/qr_shown',
      'connecting/paired',
      'connecting/restart_required',
      'connected/opened',
    ])
    expect(world.row).toMatchObject({ account, pairedAt: t0, lastConnectedAt: t0, qr: null })
    expect(
      world.events.map((event) => event.type).filter((type) => type !== 'device.status_changed'),
    ).toEqual(['device.qr_updated', 'device.linked'])
  })

  it('reconnects at once on the 515 that follows a scan, with the credentials of the scan', () => {
    const world = pairing()
    world.scan()
    world.close(restartRequired)
    expect(world.phase).toBe('opening')
    expect(world.attempts).toEqual([0, 0])
    expect(world.credentials).toBe('paired')
  })

  it('shows each new QR in place of the one before', () => {
    const world = pairing()
    world.pass(15 * second)
    world.qr('second')
    expect(world.row.qr?.text).toBe('second')
    expect(world.row.status).toBe('waiting_for_scan')
    expect(world.attempts).toHaveLength(1)
  })

  it('takes the QR away as soon as the phone has scanned it', () => {
    const world = pairing()
    world.scan()
    expect(world.row.qr).toBeNull()
    world.qr('late')
    expect(world.row.qr).toBeNull()
    expect(world.status).toBe('connecting/paired')
  })

  it('tries again when the 515 after a scan does not come', () => {
    const world = pairing()
    world.scan()
    world.pass(limits.pairedTimeoutMs)
    expect(world.phase).toBe('waiting')
    expect(world.status).toBe('connecting/connect_timeout')
    expect(world.credentials).toBe('paired')
  })

  it('starts a new attempt with fresh credentials and without a wait when all refs were shown', () => {
    const world = pairing()
    world.pass(2 * minute)
    world.close(refsUsedUp)
    expect(world.effectKinds()).toEqual(['wipe_credentials', 'observe', 'request_socket', 'open_socket'])
    expect(world.attempts).toEqual([0, 2 * minute])
    expect(world.status).toBe('connecting/qr_refs_used_up')
    world.qr('fresh')
    expect(world.row.qr?.text).toBe('fresh')
  })

  it('clears what a refused half-made link has left, and goes on', () => {
    const world = pairing()
    world.close(fromSession(401))
    expect(world.credentials).toBe('none')
    expect(world.status).toBe('connecting/credentials_reset')
    world.pass(2 * second)
    expect(world.phase).toBe('opening')
  })

  it('says that the account asks for a passkey, and stops trying', () => {
    const world = pairing()
    world.feed({ kind: 'passkey_required' })
    expect(world.status).toBe('disconnected/passkey_required')
    expect(world.row.detail).toMatch(/passkey/)
    expect(world.socketOpen).toBe(false)
  })
})

describe('the end of the pairing time', () => {
  it('comes when nobody has scanned', () => {
    const world = pairing()
    world.pass(limits.pairingTimeoutMs - second)
    expect(world.row.status).toBe('waiting_for_scan')
    world.pass(second)
    expect(world.status).toBe('disconnected/pairing_timeout')
    expect(world.row.qr).toBeNull()
    expect(world.socketOpen).toBe(false)
    expect(world.row.settledGeneration).toBe(world.row.generation)
  })

  it('is not put off by new attempts', () => {
    const world = pairing()
    while (world.row.status !== 'disconnected') {
      world.pass(160 * second)
      world.close(refsUsedUp)
      world.qr()
      expect(world.now).toBeLessThanOrEqual(limits.pairingTimeoutMs + 160 * second)
    }
    expect(world.status).toBe('disconnected/pairing_timeout')
    expect(world.attempts).toEqual([0, 160 * second, 320 * second, 480 * second])
  })

  it('is put off by another start', () => {
    const world = pairing()
    world.pass(9 * minute)
    world.start()
    expect(world.attempts).toHaveLength(1)
    world.pass(9 * minute)
    expect(world.row.status).toBe('waiting_for_scan')
    world.pass(minute)
    expect(world.status).toBe('disconnected/pairing_timeout')
  })

  it('comes while WhatsApp cannot be reached, too', () => {
    const world = new World()
    world.start()
    world.close(fromPath(null, 'ECONNREFUSED'))
    for (; world.row.status !== 'disconnected'; world.pass(second)) {
      if (world.phase === 'opening') world.close(fromPath(null, 'ECONNREFUSED'))
      expect(world.now).toBeLessThan(limits.pairingTimeoutMs + limits.backoff.maxMs + 2 * second)
    }
    expect(world.status).toBe('disconnected/pairing_timeout')
  })

  it('never comes for a device that is paired', () => {
    const world = online()
    world.pass(limits.silenceMs)
    for (; world.now < 2 * limits.pairingTimeoutMs; world.pass(10 * second)) world.feed({ kind: 'answered' })
    expect(world.status).toBe('connected/opened')
  })

  it('is over with a new start', () => {
    const world = pairing()
    world.pass(limits.pairingTimeoutMs)
    world.start()
    expect(world.phase).toBe('opening')
    world.qr()
    expect(world.status).toBe('waiting_for_scan/qr_shown')
  })
})

describe('a pairing code', () => {
  const phone = '4915123456789'
  const codesAsked = (world: World): string[] =>
    world.effects.flatMap((effect) => (effect.kind === 'request_code' ? [effect.phone] : []))

  it('is asked for only after the first QR', () => {
    const world = new World()
    world.start()
    world.requestCode(phone)
    expect(codesAsked(world)).toEqual([])
    world.qr()
    expect(codesAsked(world)).toEqual([phone])
    world.qr('second')
    expect(codesAsked(world)).toEqual([])
  })

  it('is asked for at once while a QR is shown', () => {
    const world = pairing()
    world.requestCode(phone)
    expect(codesAsked(world)).toEqual([phone])
  })

  it('stands in the row once the server has taken it', () => {
    const world = pairing()
    world.requestCode(phone)
    world.pass(second)
    world.feed({ kind: 'code_made', code: 'ABCD1234' })
    expect(world.row.pairingCode).toEqual({ phone, requestedAt: t0 + second, code: 'ABCD1234', error: null })
    world.pass(second)
    expect(codesAsked(world)).toEqual([])
  })

  it('that was refused leaves the reason in the row, and can be asked for again', () => {
    const world = pairing()
    world.requestCode(phone)
    world.feed({ kind: 'code_refused', error: 'bad request' })
    expect(world.row.pairingCode).toMatchObject({ code: null, error: 'bad request' })
    world.pass(second)
    world.requestCode(phone)
    expect(codesAsked(world)).toEqual([phone])
  })

  it('that was on its way when the socket ended is asked for again at the next first QR', () => {
    const world = pairing()
    world.requestCode(phone)
    world.close(refsUsedUp)
    expect(codesAsked(world)).toEqual([])
    world.qr()
    expect(codesAsked(world)).toEqual([phone])
  })

  it('is gone once the device is connected', () => {
    const world = pairing()
    world.requestCode(phone)
    world.feed({ kind: 'code_made', code: 'ABCD1234' })
    world.scan()
    expect(world.row.pairingCode).toBeNull()
  })
})

describe('credentials that cannot be read', () => {
  it('are cleared when the device was never paired, and pairing goes on', () => {
    const world = new World()
    world.start()
    world.feed({ kind: 'credentials_corrupt', detail: 'no JSON' })
    expect(world.effectKinds()).toEqual(['wipe_credentials', 'observe', 'request_socket', 'open_socket'])
    expect(world.status).toBe('connecting/credentials_reset')
  })

  it('are kept when the device is paired, and the device says why it stands still', () => {
    const world = online()
    world.newConnector()
    world.feed({ kind: 'credentials_corrupt', detail: 'no JSON' })
    expect(world.credentials).toBe('paired')
    expect(world.status).toBe('disconnected/credentials_corrupt')
    expect(world.row.detail).toMatch(/no JSON/)
  })

  it('end with the removal of the device, which then can be linked anew', () => {
    const world = online()
    world.newConnector()
    world.feed({ kind: 'credentials_corrupt', detail: 'no JSON' })
    world.remove()
    world.feed({ kind: 'credentials_corrupt', detail: 'no JSON' })
    expect(world.credentials).toBe('none')
    expect(world.row.removedAt).not.toBeNull()
    world.start()
    world.qr()
    expect(world.status).toBe('waiting_for_scan/qr_shown')
  })

  it('do not wake a device that was stopped meanwhile', () => {
    const world = new World()
    world.start()
    world.stop()
    world.feed({ kind: 'credentials_corrupt', detail: 'no JSON' })
    expect(world.socketOpen).toBe(false)
    expect(world.status).toBe('disconnected/stopped')
  })
})
