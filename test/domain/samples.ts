/** Every phase and every input of the connection's state machine, by name, and a short way to write what comes of it. */
import { type Connection, type Effect, factsOf, type Input, type Phase } from '../../src/domain/connection.ts'
import type { Device } from '../../src/domain/device.ts'
import { createStep } from '../../src/domain/step.ts'
import {
  account,
  connectedRow,
  deviceId,
  deviceRow,
  fromPath,
  fromSession,
  limits,
  minute,
  noLuck,
  qrOf,
  refsUsedUp,
  restartRequired,
  second,
  t0,
  unlinkedOnPhone,
} from './fixtures.ts'

const mono = 1_000 * second
const now = { wall: t0 + minute, mono }

interface Sample {
  readonly phase: Phase
  readonly row: Device
  readonly paired: boolean
}

const reconnecting = connectedRow({ status: 'reconnecting', reason: 'connection_lost' })
const removed = connectedRow({
  desired: 'removed',
  generation: 2,
  unlinkRequestedAt: t0,
  settledGeneration: 1,
})

/** Where a connection can be. What is said to a phase comes before any time limit of it is reached. */
export const samples = {
  'idle, unpaired': { phase: { kind: 'idle' }, row: deviceRow(), paired: false },
  'idle, paired': { phase: { kind: 'idle' }, row: connectedRow(), paired: true },
  'waiting, unpaired': { phase: { kind: 'waiting', until: mono + second }, row: deviceRow(), paired: false },
  'waiting, paired': { phase: { kind: 'waiting', until: mono + second }, row: reconnecting, paired: true },
  'waiting to unlink': { phase: { kind: 'waiting', until: mono + second }, row: removed, paired: true },
  queued: { phase: { kind: 'queued' }, row: reconnecting, paired: true },
  'opening, unpaired': { phase: { kind: 'opening', since: mono - second }, row: deviceRow(), paired: false },
  'opening, paired': { phase: { kind: 'opening', since: mono - second }, row: reconnecting, paired: true },
  'opening to unlink': { phase: { kind: 'opening', since: mono - second }, row: removed, paired: true },
  pairing: { phase: { kind: 'pairing' }, row: deviceRow({ status: 'waiting_for_scan' }), paired: false },
  paired: { phase: { kind: 'paired', since: mono - second }, row: deviceRow({ account }), paired: true },
  open: {
    phase: { kind: 'open', since: mono - minute, lastAnswerAt: mono - second, probing: false },
    row: connectedRow(),
    paired: true,
  },
  'open, probing': {
    phase: { kind: 'open', since: mono - minute, lastAnswerAt: mono - 20 * second, probing: true },
    row: connectedRow(),
    paired: true,
  },
  unlinking: { phase: { kind: 'unlinking', since: mono - second }, row: removed, paired: true },
  settled: {
    phase: { kind: 'settled' },
    row: connectedRow({ status: 'disconnected', reason: 'replaced', settledGeneration: 1 }),
    paired: true,
  },
} as const satisfies Record<string, Sample>

export type SampleName = keyof typeof samples

const again = (row: Device, more: Partial<Device>): Input => ({
  kind: 'row',
  device: { ...row, generation: row.generation + 1, reason: 'started', status: 'starting', ...more },
  paired: row.account !== null,
})

/** What can happen, given where the device is. */
export const inputs = {
  'the same row': ({ row, paired }) => ({ kind: 'row', device: row, paired }),
  'start again': ({ row }) => again(row, { desired: 'running' }),
  stop: ({ row }) => again(row, { desired: 'stopped', status: 'disconnected', reason: 'stopped' }),
  remove: ({ row }) =>
    again(row, {
      desired: 'removed',
      status: 'disconnected',
      reason: 'removed',
      unlinkRequestedAt: now.wall,
    }),
  'a pairing code is asked for': ({ row, paired }) => ({
    kind: 'row',
    device: {
      ...row,
      pairingCode: { phone: '4915123456789', requestedAt: now.wall, code: null, error: null },
    },
    paired,
  }),
  tick: () => ({ kind: 'tick' }),
  admitted: () => ({ kind: 'admitted' }),
  shutdown: () => ({ kind: 'shutdown' }),
  lease_lost: () => ({ kind: 'lease_lost' }),
  store_failed: () => ({ kind: 'store_failed' }),
  credentials_corrupt: () => ({ kind: 'credentials_corrupt', detail: 'no JSON' }),
  qr: () => ({ kind: 'qr', qr: qrOf('ref', now.wall + 20 * second) }),
  paired: () => ({ kind: 'paired', account }),
  opened: () => ({ kind: 'opened', account }),
  answered: () => ({ kind: 'answered' }),
  probe_failed: () => ({ kind: 'probe_failed' }),
  deaf: () => ({ kind: 'deaf' }),
  restricted: () => ({ kind: 'restricted', until: now.wall + 90 * second }),
  'a restriction that ended': () => ({ kind: 'restricted', until: null }),
  passkey_required: () => ({ kind: 'passkey_required' }),
  'a code that nobody asked for': () => ({ kind: 'code_made', code: 'ABCD1234' }),
  'a refusal of a code that nobody asked for': () => ({ kind: 'code_refused', error: 'no' }),
  'unlinked as asked': () => ({ kind: 'unlink_done', gone: true, detail: '' }),
  'not unlinked in time': () => ({ kind: 'unlink_done', gone: false, detail: 'timed out' }),
  'closed: 515': () => ({ kind: 'closed', close: restartRequired }),
  'closed: 401': () => ({ kind: 'closed', close: unlinkedOnPhone }),
  'closed: 440': () => ({ kind: 'closed', close: fromSession(440) }),
  'closed: 402': () => ({ kind: 'closed', close: fromSession(402, 'Connection Failure', 3_600) }),
  'closed: 405': () => ({ kind: 'closed', close: fromSession(405) }),
  'closed: path': () => ({ kind: 'closed', close: fromPath(null, 'ECONNREFUSED') }),
  'closed: refs used up': () => ({ kind: 'closed', close: refsUsedUp }),
} as const satisfies Record<string, (sample: Sample) => Input>

export type InputName = keyof typeof inputs

/** One effect, in short: an observation as the status and reason it sets, or as the names of the fields it sets. */
const effectText = (effect: Effect): string => {
  switch (effect.kind) {
    case 'request_socket':
      return 'ask'
    case 'open_socket':
      return 'open'
    case 'drop_socket':
      return 'drop'
    case 'cancel_messages':
      return 'cancel'
    case 'wipe_credentials':
      return 'wipe'
    case 'quarantine_credentials':
      return `quarantine ${effect.reason}`
    case 'request_code':
      return `code ${effect.phone}`
    case 'probe':
    case 'unlink':
      return effect.kind
    case 'observe': {
      const { status, reason, settledGeneration, ...more } = effect.observation
      const shown =
        status === undefined ? Object.keys(more).toSorted().join('+') : `${status}/${reason ?? '='}`
      return settledGeneration === undefined ? `says ${shown}` : `settles ${shown}`
    }
  }
}

const step = createStep(limits, noLuck)

const connectionOf = (sample: Sample): Connection => ({
  phase: sample.phase,
  facts: factsOf(sample.row, sample.paired),
  failures: 0,
  replacements: 0,
  storeFailures: 0,
  pairingEndsAt: mono + 9 * minute,
  wallAheadMs: now.wall - mono,
})

/** `next phase: effect, effect`; a dot when nothing at all changes. */
export const outcome = (name: SampleName, input: InputName): string => {
  const sample = samples[name]
  const before = connectionOf(sample)
  const { connection, effects } = step(before, inputs[input](sample), deviceId, now)
  const texts = effects.map(effectText)
  if (texts.length === 0 && JSON.stringify(connection) === JSON.stringify(before)) return '.'
  return texts.length === 0 ? connection.phase.kind : `${connection.phase.kind}: ${texts.join(', ')}`
}
