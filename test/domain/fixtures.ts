/** Rows, limits and words of a socket, for the tests of the pure domain. */
import type { Origin } from '../../src/domain/audit.ts'
import type { Limits } from '../../src/domain/connection.ts'
import type { Account, Device, Qr } from '../../src/domain/device.ts'
import type { Retention } from '../../src/domain/retention.ts'
import type { SocketClose } from '../../src/domain/disconnect.ts'

export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

export const t0 = Date.parse('2025-11-16T02:18:05.123Z')
export const deviceId = 'myphone'

export const apiOrigin: Origin = { actor: { kind: 'api' }, requestId: 'req_1' }
export const connectorOrigin: Origin = { actor: { kind: 'connector', id: 'con_1' }, requestId: 'tick_1' }

export const account: Account = {
  pn: '4915123456789@s.whatsapp.net',
  lid: '246813579012345@lid',
  pushName: 'Ada',
}

export const limits: Limits = {
  pairingTimeoutMs: 10 * minute,
  silenceMs: 15 * second,
  probeTimeoutMs: 10 * second,
  openTimeoutMs: 45 * second,
  pairedTimeoutMs: 30 * second,
  unlinkTimeoutMs: 8 * second,
  unlinkGiveUpMs: 7 * day,
  backoff: { baseMs: second, maxMs: minute },
  replacedRetryMs: 30 * second,
  replacedForgetMs: 5 * minute,
  storeStableMs: minute,
  stableMs: 10 * second,
  promptReconnectsMax: 3,
}

/** Nothing is ever removed. */
export const keepAll: Retention = {
  messagesMs: null,
  eventsMs: null,
  eventsMax: 1_000_000,
  deliveriesMs: null,
  historyMs: null,
  auditMs: null,
}

/** No luck: the longest wait that a backoff allows, less one part in a million. */
export const noLuck = (): number => 0.999_999

export const qrOf = (text: string, expiresAt: number): Qr => ({
  text,
  dataUrl: `data:image/png;base64,${text}`,
  expiresAt,
})

/** A row as `start` makes it, with changes. */
export const deviceRow = (more: Partial<Device> = {}): Device => ({
  id: deviceId,
  desired: 'running',
  generation: 1,
  settledGeneration: 0,
  status: 'starting',
  reason: 'started',
  detail: null,
  statusAt: t0,
  startedAt: t0,
  notBefore: null,
  qr: null,
  pairingCode: null,
  account: null,
  pairedAt: null,
  lastConnectedAt: null,
  unlinkRequestedAt: null,
  pacing: null,
  restrictedUntil: null,
  removedAt: null,
  createdAt: t0,
  updatedAt: t0,
  ...more,
})

/** The row of a device that is linked and online. */
export const connectedRow = (more: Partial<Device> = {}): Device =>
  deviceRow({
    status: 'connected',
    reason: 'opened',
    account,
    pairedAt: t0,
    lastConnectedAt: t0,
    ...more,
  })

export const fromSession = (
  code: number,
  message = `Connection Failure ${code}`,
  expiresInSeconds?: number,
): SocketClose => ({
  origin: 'session',
  code,
  message,
  ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
})

export const fromPath = (code: number | null, message: string): SocketClose => ({
  origin: 'transport',
  code,
  message,
})

export const refsUsedUp: SocketClose = { origin: 'client', code: 408, message: 'QR refs attempts ended' }
export const keepAliveLost: SocketClose = { origin: 'client', code: 408, message: 'Connection was lost' }
export const unlinkedOnPhone = fromSession(401, 'Stream Errored (conflict)')
export const replaced = fromSession(440, 'Stream Errored (conflict)')
export const restartRequired = fromSession(515, 'Stream Errored (restart required)')
