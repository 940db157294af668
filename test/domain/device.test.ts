import { describe, expect, it } from 'vitest'
import {
  type Device,
  type DeviceChange,
  deviceIdPattern,
  isUnsettled,
  observe,
  remove,
  requestPairingCode,
  restart,
  start,
  stop,
} from '../../src/domain/device.ts'
import { GatewayError } from '../../src/domain/errors.ts'
import { iso } from '../../src/domain/iso.ts'
import {
  account,
  apiOrigin,
  connectedRow,
  connectorOrigin,
  deviceId,
  deviceRow,
  hour,
  minute,
  qrOf,
  t0,
} from './fixtures.ts'

const later = t0 + minute
const phone = '4915123456789'

const rows = {
  'being started': deviceRow(),
  'showing a QR': deviceRow({ status: 'waiting_for_scan', reason: 'qr_shown', qr: qrOf('ref', t0 + 20_000) }),
  connected: connectedRow(),
  reconnecting: connectedRow({ status: 'reconnecting', reason: 'connection_lost' }),
  stopped: connectedRow({
    desired: 'stopped',
    status: 'disconnected',
    reason: 'stopped',
    settledGeneration: 1,
  }),
  halted: connectedRow({ status: 'disconnected', reason: 'replaced', settledGeneration: 1 }),
  'logged out': deviceRow({ status: 'disconnected', reason: 'logged_out', settledGeneration: 1 }),
  removed: connectedRow({
    desired: 'removed',
    status: 'disconnected',
    reason: 'removed',
    unlinkRequestedAt: t0,
  }),
} as const satisfies Record<string, Device>
type RowName = keyof typeof rows
const rowNames = Object.keys(rows) as RowName[]

const verbs = {
  start: (row: Device | undefined) => start(row, deviceId, apiOrigin, later),
  stop: (row: Device | undefined) => stop(row, deviceId, apiOrigin, later),
  restart: (row: Device | undefined) => restart(row, deviceId, apiOrigin, later),
  remove: (row: Device | undefined) => remove(row, deviceId, apiOrigin, later),
  'request a code': (row: Device | undefined) => requestPairingCode(row, deviceId, phone, apiOrigin, later),
}
type VerbName = keyof typeof verbs
const verbNames = Object.keys(verbs) as VerbName[]

/** `desired status/reason +generations`, or the code of the refusal. */
const outcome = (verb: VerbName, row: Device): string => {
  try {
    const { device } = verbs[verb](row)
    return `${device.desired} ${device.status}/${device.reason} +${device.generation - row.generation}`
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
}

const stopped = 'stopped disconnected/stopped +1'
const restarted = 'running starting/restarted +1'
const started = 'running starting/started +1'
const removed = 'removed disconnected/removed +1'
const table: Readonly<Record<RowName, Readonly<Record<VerbName, string>>>> = {
  'being started': {
    start: 'running starting/started +0',
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'running starting/started +0',
  },
  'showing a QR': {
    start: 'running waiting_for_scan/qr_shown +0',
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'running waiting_for_scan/qr_shown +0',
  },
  connected: {
    start: 'running connected/opened +0',
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'device_already_linked',
  },
  reconnecting: {
    start: 'running reconnecting/connection_lost +0',
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'device_already_linked',
  },
  stopped: {
    start: started,
    stop: 'stopped disconnected/stopped +0',
    restart: restarted,
    remove: removed,
    'request a code': 'pairing_code_unavailable',
  },
  halted: {
    start: started,
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'pairing_code_unavailable',
  },
  'logged out': {
    start: started,
    stop: stopped,
    restart: restarted,
    remove: removed,
    'request a code': 'pairing_code_unavailable',
  },
  removed: {
    start: started,
    stop: 'device_not_found',
    restart: 'device_not_found',
    remove: 'device_not_found',
    'request a code': 'device_not_found',
  },
}

describe.each(rowNames)('a device that is %s', (name) => {
  it.each(verbNames)('answers as the table says to: %s', (verb) => {
    expect(outcome(verb, rows[name])).toBe(table[name][verb])
  })

  it('gets one audit entry for each change, with what was and what is', () => {
    for (const verb of verbNames) {
      if (!/ /.test(table[name][verb])) continue
      const change = verbs[verb](rows[name])
      const { before, after, ...entry } = change.audit
      const action = verb === 'request a code' ? 'request_pairing_code' : verb
      expect(entry).toEqual({
        origin: apiOrigin,
        action: `device.${action}`,
        target: { kind: 'device', id: deviceId },
      })
      expect(before).toMatchObject({ status: rows[name].status, generation: rows[name].generation })
      expect(after).toMatchObject({ status: change.device.status, generation: change.device.generation })
    }
  })

  it('tells of a change of status or reason, and of nothing else, and stamps its time', () => {
    for (const verb of verbNames) {
      if (!/ /.test(table[name][verb])) continue
      const before = rows[name]
      const { device, events } = verbs[verb](before)
      const changed = device.status !== before.status || device.reason !== before.reason
      expect(events.map(({ type, data }) => ({ type, data }))).toEqual(
        changed
          ? [
              {
                type: 'device.status_changed',
                data: {
                  status: device.status,
                  previous: before.status,
                  reason: device.reason,
                  detail: device.detail,
                },
              },
            ]
          : [],
      )
      expect(device.statusAt).toBe(changed ? later : before.statusAt)
      expect(device.updatedAt).toBe(later)
    }
  })
})

describe('a device that is not there', () => {
  it('is made by a start', () => {
    const { device, events, audit } = start(undefined, deviceId, apiOrigin, t0)
    expect(device).toEqual(deviceRow())
    expect(isUnsettled(device)).toBe(true)
    expect(audit).toMatchObject({ action: 'device.start', before: null })
    expect(events).toEqual([
      {
        type: 'device.status_changed',
        deviceId,
        data: { status: 'starting', previous: null, reason: 'started', detail: null },
      },
    ])
  })

  it.each(verbNames.filter((verb) => verb !== 'start'))('cannot be asked to %s', (verb) => {
    expect(() => verbs[verb](undefined)).toThrow(/there is no device myphone; POST .*start makes one/)
  })
})

describe('a request for a device', () => {
  const qrGone = (change: DeviceChange): void => {
    expect(change.device.qr).toBeNull()
    expect(change.device.pairingCode).toBeNull()
  }

  it('to start moves the end of its pairing time, also while it runs', () => {
    expect(verbs.start(rows['showing a QR']).device).toMatchObject({
      startedAt: later,
      qr: rows['showing a QR'].qr,
    })
    expect(verbs.start(rows['logged out']).device.startedAt).toBe(later)
    expect(verbs.restart(rows.connected).device.startedAt).toBe(later)
    expect(verbs['request a code'](rows['showing a QR']).device.startedAt).toBe(later)
  })

  it('to stop, restart or remove takes the QR and the pairing code away', () => {
    const row = {
      ...rows['showing a QR'],
      pairingCode: { phone, requestedAt: t0, code: 'ABCD1234', error: null },
    }
    for (const verb of ['stop', 'restart', 'remove'] as const) qrGone(verbs[verb](row))
  })

  it('to stop or restart keeps what is known of its account', () => {
    expect(verbs.stop(rows.connected).device).toMatchObject({ account, pairedAt: t0 })
    expect(verbs.restart(rows.halted).device).toMatchObject({ account, pairedAt: t0 })
  })

  it('to remove asks for the unlinking, and keeps the account until that is done', () => {
    expect(verbs.remove(rows.connected).device).toMatchObject({
      account,
      unlinkRequestedAt: later,
      removedAt: null,
    })
  })

  it('to start after a removal begins without an account, and leaves the unlinking to be done', () => {
    const gone = { ...rows.removed, removedAt: t0 }
    expect(verbs.start(gone).device).toMatchObject({
      account: null,
      pairedAt: null,
      removedAt: null,
      unlinkRequestedAt: t0,
    })
  })

  it('keeps the end of a ban in the row', () => {
    const banned = connectedRow({
      status: 'reconnecting',
      reason: 'temporarily_banned',
      notBefore: t0 + hour,
    })
    for (const verb of ['start', 'stop', 'restart', 'remove'] as const) {
      expect(verbs[verb](banned).device.notBefore).toBe(t0 + hour)
    }
    expect(verbs.start(verbs.stop(banned).device).device.notBefore).toBe(t0 + hour)
  })

  it('for a pairing code stands in the row, without a code yet', () => {
    expect(verbs['request a code'](rows['being started']).device.pairingCode).toEqual({
      phone,
      requestedAt: later,
      code: null,
      error: null,
    })
  })
})

describe('what the connector observes', () => {
  const row = connectedRow({ generation: 3, settledGeneration: 2 })

  it('is written to the row with an audit entry in the name of the connector', () => {
    const change = observe(
      row,
      3,
      { status: 'reconnecting', reason: 'connection_lost', detail: 'lost' },
      connectorOrigin,
      later,
    )
    expect(change.device).toMatchObject({
      status: 'reconnecting',
      reason: 'connection_lost',
      statusAt: later,
    })
    expect(change.events).toHaveLength(1)
    expect(change.audit).toMatchObject({
      origin: connectorOrigin,
      action: 'device.observe',
      before: { status: 'connected' },
      after: { status: 'reconnecting' },
    })
  })

  it('of an older generation does not touch the status, its reason, the QR or the pairing code', () => {
    const observed = observe(
      row,
      2,
      {
        status: 'disconnected',
        reason: 'replaced',
        detail: 'elsewhere',
        qr: qrOf('old', later),
        pairingCode: { phone, requestedAt: t0, code: 'ABCD1234', error: null },
      },
      connectorOrigin,
      later,
    )
    expect(observed.device).toEqual({ ...row, updatedAt: later })
    expect(observed.events).toEqual([])
  })

  it('of an older generation still writes the facts', () => {
    const { device, events } = observe(
      row,
      2,
      {
        account: null,
        pairedAt: null,
        unlinkRequestedAt: null,
        settledGeneration: 2,
        events: [{ type: 'device.unlinked', deviceId, data: { reason: 'removed' } }],
      },
      connectorOrigin,
      later,
    )
    expect(device).toMatchObject({ account: null, pairedAt: null, settledGeneration: 2, status: 'connected' })
    expect(isUnsettled(device)).toBe(true)
    expect(events).toEqual([{ type: 'device.unlinked', deviceId, data: { reason: 'removed' } }])
  })

  it('of an older generation does not end a removal of a device that runs again', () => {
    expect(observe(row, 2, { removedAt: later }, connectorOrigin, later).device.removedAt).toBeNull()
  })

  it.each([
    { from: null, to: later, said: iso(later) },
    { from: t0, to: later, said: iso(later) },
    { from: later, to: null, said: null },
  ])('of a restriction from $from to $to is an event of its own', ({ from, to, said }) => {
    const before = connectedRow({ restrictedUntil: from })
    expect(observe(before, 1, { restrictedUntil: to }, connectorOrigin, later).events).toEqual([
      { type: 'device.restricted', deviceId, data: { until: said } },
    ])
  })

  it.each([null, later])('of a restriction that is known already (%s) is none', (until) => {
    const before = connectedRow({ restrictedUntil: until })
    const { events } = observe(before, 1, { restrictedUntil: until, qr: null }, connectorOrigin, later)
    expect(events).toEqual([])
  })

  it('of a restriction counts in an older generation too, and comes after the change of the status', () => {
    const before = connectedRow({ generation: 3 })
    const types = (generation: number): string[] =>
      observe(
        before,
        generation,
        { status: 'reconnecting', reason: 'connection_lost', restrictedUntil: later },
        connectorOrigin,
        later,
      ).events.map(({ type }) => type)
    expect(types(2)).toEqual(['device.restricted'])
    expect(types(3)).toEqual(['device.status_changed', 'device.restricted'])
  })

  it('does not move the time of the status when only a QR is new', () => {
    const { device, events } = observe(
      rows['showing a QR'],
      1,
      { status: 'waiting_for_scan', reason: 'qr_shown', qr: qrOf('next', later) },
      connectorOrigin,
      later,
    )
    expect(device).toMatchObject({ statusAt: t0, updatedAt: later })
    expect(events).toEqual([])
  })
})

describe('a device id', () => {
  it.each(['a', 'myphone', 'A-Z_09', 'x'.repeat(64)])('may be %s', (id) => {
    expect(deviceIdPattern.test(id)).toBe(true)
  })
  it.each(['', 'x'.repeat(65), 'a b', 'a/b', '..', 'ä', 'a.b', 'a\n', '📱'])('may not be %j', (id) => {
    expect(deviceIdPattern.test(id)).toBe(false)
  })
})
