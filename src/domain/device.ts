import type { Origin, Trace } from './audit.ts'
import { GatewayError } from './errors.ts'
import type { NewEvent } from './event.ts'
import { isoOrNull } from './iso.ts'
import type { Pacing } from './pacing.ts'

/** The guide's words. */
export type DeviceStatus =
  | 'starting'
  | 'connecting'
  | 'waiting_for_scan'
  | 'connected'
  | 'reconnecting'
  | 'disconnected'

export const deviceStatuses: readonly DeviceStatus[] = [
  'starting',
  'connecting',
  'waiting_for_scan',
  'connected',
  'reconnecting',
  'disconnected',
]

/** Why a device is in its status. `code` in brackets is WhatsApp's, as Baileys' DisconnectReason numbers it. */
export type StatusReason =
  | 'started'
  | 'restarted'
  | 'stopped'
  | 'removed'
  | 'opened'
  | 'restricted' // connected, but new chats are refused for a while (463)
  | 'qr_shown'
  | 'paired' // linked; WhatsApp's request for a new connection is due
  | 'restart_required' // (515) WhatsApp asks for a new connection, always after a scan
  | 'qr_refs_used_up' // (408 before pairing) a new attempt starts by itself
  | 'pairing_timeout'
  | 'passkey_required'
  | 'credentials_reset' // half-made credentials of a device that never paired were cleared
  | 'credentials_corrupt' // of a paired device: kept as they are for a person to look at
  | 'connection_lost' // no sign of life (408), or the server closed (428)
  | 'connect_timeout'
  | 'connect_failed' // refused, DNS, HTTP answer that is not 101
  | 'server_error' // 500, 503 and unknown codes
  | 'replaced' // (440) somebody else runs these credentials
  | 'logged_out' // (401) unlinked on the phone
  | 'account_locked' // (403)
  | 'banned' // (406)
  | 'temporarily_banned' // (402)
  | 'client_outdated' // (405)
  | 'phone_app_too_old' // (411)
  | 'refused' // 409, 413 to 418, 501
  | 'connector_away' // derived when a row is read: nobody holds the device's lease
  | 'connector_started' // a connector has taken the device over and logs in
  | 'connector_stopped'
  | 'store_failed'

export type Desired = 'running' | 'stopped' | 'removed'

export interface Qr {
  /** What the picture says. */
  readonly text: string
  /** `data:image/png;base64,…` */
  readonly dataUrl: string
  readonly expiresAt: number
}

/** A request to link by an 8-character code instead of a QR. */
export interface PairingCode {
  /** Digits. */
  readonly phone: string
  readonly requestedAt: number
  /** Null until WhatsApp's server has taken it. */
  readonly code: string | null
  /** Why there is no code, in words. */
  readonly error: string | null
}

/** The WhatsApp account that a device is linked to. */
export interface Account {
  /** `…@s.whatsapp.net` without a device. */
  readonly pn: string
  /** `…@lid` without a device. */
  readonly lid: string | null
  readonly pushName: string | null
}

/** A linked companion that we run, as the control plane knows it. All times are wall-clock ms. */
export interface Device {
  readonly id: string
  readonly desired: Desired
  /** Grows with every request to start, stop, restart or remove. */
  readonly generation: number
  /** The last generation with which the connector is done for good; work is due while it is less than `generation`. */
  readonly settledGeneration: number
  readonly status: DeviceStatus
  readonly reason: StatusReason | null
  /** For people: what the reason means here. */
  readonly detail: string | null
  readonly statusAt: number
  readonly startedAt: number
  /** No attempt to connect before this time (a temporary ban). */
  readonly notBefore: number | null
  readonly qr: Qr | null
  readonly pairingCode: PairingCode | null
  readonly account: Account | null
  readonly pairedAt: number | null
  readonly lastConnectedAt: number | null
  /** Set while the credentials wait to be unlinked at WhatsApp and wiped. */
  readonly unlinkRequestedAt: number | null
  readonly removedAt: number | null
  readonly createdAt: number
  readonly updatedAt: number
  /** Null: it sends as fast as it can. */
  readonly pacing: Pacing | null
  /** Until then WhatsApp lets the account open no new chats; it may have passed. */
  readonly restrictedUntil: number | null
}

export const deviceIdPattern = /^[A-Za-z0-9_-]{1,64}$/
export const deviceIdRule = 'a device id is 1 to 64 characters out of A-Z, a-z, 0-9, _ and -'

/** The row that a pure decision asks the store to write, with the events and the audit entry that belong to it. */
export interface DeviceChange extends Trace {
  readonly device: Device
}

/** Is there work for the connector? */
export const isUnsettled = (device: Device): boolean => device.generation > device.settledGeneration

const summary = (device: Device): Record<string, unknown> => ({
  desired: device.desired,
  generation: device.generation,
  status: device.status,
  reason: device.reason,
  phone: device.account?.pn ?? null,
})

type Patch = Partial<Omit<Device, 'id' | 'createdAt' | 'updatedAt' | 'statusAt'>>

/** Applies a patch: stamps the times and makes the event that a change of status or reason deserves. */
const patched = (before: Device, patch: Patch, now: number): { device: Device; events: NewEvent[] } => {
  const merged = { ...before, ...patch, updatedAt: now }
  const changed = merged.status !== before.status || merged.reason !== before.reason
  const device = changed ? { ...merged, statusAt: now } : merged
  const { status, reason, detail } = device
  return {
    device,
    events: changed
      ? [
          {
            type: 'device.status_changed',
            deviceId: device.id,
            data: { status, previous: before.status, reason, detail },
          },
        ]
      : [],
  }
}

const blank = (id: string, now: number): Device => ({
  id,
  desired: 'running',
  generation: 1,
  settledGeneration: 0,
  status: 'starting',
  reason: 'started',
  detail: null,
  statusAt: now,
  startedAt: now,
  notBefore: null,
  qr: null,
  pairingCode: null,
  account: null,
  pairedAt: null,
  lastConnectedAt: null,
  unlinkRequestedAt: null,
  removedAt: null,
  createdAt: now,
  updatedAt: now,
  pacing: null,
  restrictedUntil: null,
})

/** A device that the API knows of: a removed one is gone for it, though its row stays. */
export const existing = (device: Device | undefined, id: string): Device => {
  if (device === undefined || device.desired === 'removed') {
    throw new GatewayError(
      'device_not_found',
      `there is no device ${id}; POST /api/devices/${id}/start makes one`,
    )
  }
  return device
}

/** Starts a device, or makes it. Starting one that runs only moves the end of its pairing time. */
export const start = (before: Device | undefined, id: string, origin: Origin, now: number): DeviceChange => {
  const audit = (after: Device): Trace['audit'] => ({
    origin,
    action: 'device.start',
    target: { kind: 'device', id },
    before: before === undefined ? null : summary(before),
    after: summary(after),
  })
  if (before === undefined) {
    const device = blank(id, now)
    const event: NewEvent = {
      type: 'device.status_changed',
      deviceId: id,
      data: { status: device.status, previous: null, reason: device.reason, detail: null },
    }
    return { device, events: [event], audit: audit(device) }
  }
  if (before.desired === 'running' && before.status !== 'disconnected') {
    const device = { ...before, startedAt: now, updatedAt: now }
    return { device, events: [], audit: audit(device) }
  }
  const revived: Patch =
    before.desired === 'removed'
      ? { account: null, pairedAt: null, removedAt: null, restrictedUntil: null, pacing: null }
      : {}
  const { device, events } = patched(
    before,
    {
      ...revived,
      desired: 'running',
      generation: before.generation + 1,
      status: 'starting',
      reason: 'started',
      detail: null,
      startedAt: now,
      qr: null,
      pairingCode: null,
    },
    now,
  )
  return { device, events, audit: audit(device) }
}

const request = (
  action: Trace['audit']['action'],
  before: Device,
  patch: Patch,
  origin: Origin,
  now: number,
): DeviceChange => {
  const { device, events } = patched(before, patch, now)
  return {
    device,
    events,
    audit: {
      origin,
      action,
      target: { kind: 'device', id: before.id },
      before: summary(before),
      after: summary(device),
    },
  }
}

/** Closes the socket and keeps the credentials. Stopping a stopped device changes nothing. */
export const stop = (before: Device | undefined, id: string, origin: Origin, now: number): DeviceChange => {
  const device = existing(before, id)
  const patch: Patch =
    device.desired === 'stopped'
      ? {}
      : {
          desired: 'stopped',
          generation: device.generation + 1,
          status: 'disconnected',
          reason: 'stopped',
          detail: null,
          qr: null,
          pairingCode: null,
        }
  return request('device.stop', device, patch, origin, now)
}

/** Drops the socket and opens a new one with the credentials that are there. */
export const restart = (
  before: Device | undefined,
  id: string,
  origin: Origin,
  now: number,
): DeviceChange => {
  const device = existing(before, id)
  return request(
    'device.restart',
    device,
    {
      desired: 'running',
      generation: device.generation + 1,
      status: 'starting',
      reason: 'restarted',
      detail: null,
      startedAt: now,
      qr: null,
      pairingCode: null,
    },
    origin,
    now,
  )
}

/** Asks for the device to be unlinked and its credentials wiped; it is gone for the API from now on. */
export const remove = (before: Device | undefined, id: string, origin: Origin, now: number): DeviceChange => {
  const device = existing(before, id)
  return request(
    'device.remove',
    device,
    {
      desired: 'removed',
      generation: device.generation + 1,
      status: 'disconnected',
      reason: 'removed',
      detail: null,
      qr: null,
      pairingCode: null,
      unlinkRequestedAt: now,
    },
    origin,
    now,
  )
}

/** Sets how fast a device may send. */
export const setPacing = (
  before: Device | undefined,
  id: string,
  pacing: Pacing | null,
  origin: Origin,
  now: number,
): DeviceChange => {
  const device = existing(before, id)
  const { audit, events, ...change } = request('device.set_pacing', device, { pacing }, origin, now)
  const data = { preset: pacing?.preset ?? 'off' }
  return {
    ...change,
    events: [...events, { type: 'device.pacing_changed', deviceId: id, data }],
    audit: {
      ...audit,
      before: { preset: device.pacing?.preset ?? 'off' },
      after: { preset: 'off', ...pacing },
    },
  }
}

/** Asks for a pairing code. Only a device that waits to be linked can have one. */
export const requestPairingCode = (
  before: Device | undefined,
  id: string,
  phone: string,
  origin: Origin,
  now: number,
): DeviceChange => {
  const device = existing(before, id)
  if (device.account !== null && device.status !== 'disconnected') {
    throw new GatewayError(
      'device_already_linked',
      `device ${id} is linked already; remove it first to link it again`,
    )
  }
  if (device.desired !== 'running' || device.status === 'disconnected') {
    throw new GatewayError(
      'pairing_code_unavailable',
      `device ${id} is not running; POST /api/devices/${id}/start first`,
    )
  }
  return request(
    'device.request_pairing_code',
    device,
    { pairingCode: { phone, requestedAt: now, code: null, error: null }, startedAt: now },
    origin,
    now,
  )
}

/** What the connector may say of a device. */
export type Observation = Patch & { readonly events?: readonly NewEvent[] }

/**
 * The connector's word on a device, as a change of its row. When somebody has asked for something new since (another
 * generation), what it says of the status, or of the end of a removal, is out of date and left out; the rest are facts.
 */
export const observe = (
  before: Device,
  generation: number,
  { events: more = [], ...patch }: Observation,
  origin: Origin,
  now: number,
): DeviceChange => {
  const { status: _s, reason: _r, detail: _d, qr: _q, pairingCode: _p, removedAt: _a, ...facts } = patch
  const change = request(
    'device.observe',
    before,
    generation === before.generation ? patch : facts,
    origin,
    now,
  )
  const { restrictedUntil: until } = change.device
  const restricted: NewEvent[] =
    until === before.restrictedUntil
      ? []
      : [{ type: 'device.restricted', deviceId: before.id, data: { until: isoOrNull(until) } }]
  return { ...change, events: [...change.events, ...restricted, ...more] }
}
