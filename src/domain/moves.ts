import { backoffMs, type Random } from './backoff.ts'
import type { Connection, Effect, Facts, Limits, Now, Phase, Stepped } from './connection.ts'
import type { Account, Observation, StatusReason } from './device.ts'
import { reasonText } from './disconnect.ts'

export const hasSocket = (phase: Phase): boolean => {
  switch (phase.kind) {
    case 'opening':
    case 'pairing':
    case 'paired':
    case 'open':
    case 'unlinking':
      return true
    case 'idle':
    case 'waiting':
    case 'queued':
    case 'settled':
      return false
  }
}

/** Is there a socket, or a place in line for one? */
export const wantsSocket = (phase: Phase): boolean => phase.kind === 'queued' || hasSocket(phase)

export const drop = (phase: Phase): Effect[] => (wantsSocket(phase) ? [{ kind: 'drop_socket' }] : [])
export const observe = (observation: Observation): Effect => ({ kind: 'observe', observation })

/** That the device is linked now; said once, though a crash may fall between the scan and its row. */
export const linked = ({ pn, lid, pushName }: Account, deviceId: string, now: Now): Observation => ({
  pairedAt: now.wall,
  events: [{ type: 'device.linked', deviceId, data: { phone: pn, lid, pushName } }],
})

const minuteMs = 60_000

/** The restriction that is still on, if there is one. */
export const restrictedUntil = ({ restrictedUntil: until }: Facts, now: Now): number | null =>
  until !== null && until > now.wall ? until : null

export const restriction = (until: number | null, now: Now): Observation =>
  until === null
    ? { reason: 'opened', detail: null, restrictedUntil: null }
    : {
        reason: 'restricted',
        restrictedUntil: until,
        detail: `${reasonText.restricted} for ${Math.ceil((until - now.wall) / minuteMs)} minutes`,
      }

/** How an attempt to connect looks from outside; without a reason, the one that the row has stays. */
export const shown = (c: Connection, reason?: StatusReason, detail?: string): Observation => ({
  status: c.facts.resumes ? 'reconnecting' : 'connecting',
  ...(reason === undefined ? {} : { reason, detail: detail ?? reasonText[reason] }),
  qr: null,
  // A code dies with the attempt that it was made in; one that was only asked for is made in the next.
  ...(c.facts.codeMade ? { pairingCode: null } : {}),
})

export const withPhase = (c: Connection, phase: Phase, effects: readonly Effect[] = []): Stepped => ({
  connection: { ...c, phase },
  effects,
})

/** The moves that a step is made of; `limits` and `random` do not change during one. */
export const createMoves = (limits: Limits, random: Random) => {
  /** Ends this generation: the row says why, and the connector does no more until somebody asks. */
  const settle = (c: Connection, observation: Observation, effects: readonly Effect[] = []): Stepped =>
    withPhase(c, { kind: 'settled' }, [
      ...drop(c.phase),
      ...effects,
      observe({ ...observation, settledGeneration: c.facts.generation, qr: null }),
    ])

  const halt = (
    c: Connection,
    reason: StatusReason,
    effects: readonly Effect[] = [],
    detail?: string,
  ): Stepped =>
    settle(
      c,
      { status: 'disconnected', reason, detail: detail ?? reasonText[reason], pairingCode: null },
      effects,
    )

  /** Unlinked by the account itself: the credentials are useless, and must not be used again by accident. */
  const unlinked = (c: Connection, reason: StatusReason, deviceId: string): Stepped =>
    halt({ ...c, facts: { ...c.facts, paired: false } }, reason, [
      { kind: 'quarantine_credentials', reason },
      observe({
        account: null,
        pairedAt: null,
        events: [{ type: 'device.unlinked', deviceId, data: { reason } }],
      }),
    ])

  const open = (c: Connection, reason: StatusReason | undefined, before: readonly Effect[] = []): Stepped =>
    withPhase({ ...c, facts: { ...c.facts, codeMade: false } }, { kind: 'queued' }, [
      ...before,
      ...(c.facts.unlinkRequestedAt === null ? [observe(shown(c, reason))] : []),
      { kind: 'request_socket' },
    ])

  const wait = (
    c: Connection,
    ms: number,
    reason: StatusReason,
    detail: string | undefined,
    now: Now,
  ): Stepped =>
    withPhase(c, { kind: 'waiting', until: now.mono + ms }, [
      ...drop(c.phase),
      ...(c.facts.unlinkRequestedAt === null ? [observe(shown(c, reason, detail))] : []),
    ])

  const retry = (c: Connection, reason: StatusReason, detail: string | undefined, now: Now): Stepped => {
    const failures = c.failures + 1
    return wait({ ...c, failures }, backoffMs(failures, limits.backoff, random), reason, detail, now)
  }

  const retryStore = (c: Connection, now: Now): Stepped => {
    const storeFailures = c.storeFailures + 1
    const ms = backoffMs(storeFailures, limits.backoff, random)
    return wait({ ...c, storeFailures }, ms, 'store_failed', undefined, now)
  }

  /** The credentials are gone or were never linked: finish what the unlinking was for. */
  const afterUnlink = (c: Connection, deviceId: string, now: Now): Stepped => {
    const cleared: Observation = {
      unlinkRequestedAt: null,
      account: null,
      pairedAt: null,
      notBefore: null,
      ...(c.facts.paired
        ? { events: [{ type: 'device.unlinked', deviceId, data: { reason: 'removed' as const } }] }
        : {}),
    }
    const facts: Facts = {
      ...c.facts,
      unlinkRequestedAt: null,
      notBefore: null,
      paired: false,
      resumes: false,
    }
    const next: Connection = { ...c, facts, failures: 0, replacements: 0, storeFailures: 0 }
    if (facts.desired === 'removed') {
      return settle(next, { ...cleared, removedAt: now.wall }, [
        { kind: 'cancel_messages' },
        { kind: 'wipe_credentials' },
      ])
    }
    const { connection, effects } = resume({ ...next, phase: { kind: 'idle' } }, deviceId, now)
    return {
      connection,
      effects: [
        ...drop(c.phase),
        { kind: 'cancel_messages' },
        { kind: 'wipe_credentials' },
        observe(cleared),
        ...effects,
      ],
    }
  }

  /** Without a socket: decides from the facts alone what comes next. */
  const resume = (c: Connection, deviceId: string, now: Now, reason?: StatusReason): Stepped => {
    const { desired, unlinkRequestedAt, paired, notBefore } = c.facts
    const banMs = notBefore === null ? 0 : notBefore - now.wall
    if (unlinkRequestedAt !== null) {
      if (!paired || now.wall - unlinkRequestedAt >= limits.unlinkGiveUpMs) {
        return afterUnlink(c, deviceId, now)
      }
      return banMs > 0 ? wait(c, banMs, 'temporarily_banned', undefined, now) : open(c, undefined)
    }
    switch (desired) {
      case 'stopped':
        return settle(c, { status: 'disconnected', reason: 'stopped' })
      case 'removed':
        return afterUnlink(c, deviceId, now)
      case 'running':
        if (banMs > 0) return wait(c, banMs, 'temporarily_banned', undefined, now)
        if (!paired && pairingIsOver(c, now)) return halt(c, 'pairing_timeout')
        return open(c, reason)
    }
  }

  const pairingIsOver = (c: Connection, now: Now): boolean =>
    c.pairingEndsAt !== null && now.mono >= c.pairingEndsAt

  /** From here on the monotonic clock counts: who has just shown a QR must not lose it because the wall clock is set. */
  const pairingEnd = (startedAt: number, now: Now): number =>
    now.mono + Math.min(limits.pairingTimeoutMs, Math.max(0, startedAt + limits.pairingTimeoutMs - now.wall))

  return {
    settle,
    halt,
    unlinked,
    open,
    wait,
    retry,
    retryStore,
    afterUnlink,
    resume,
    pairingEnd,
    pairingIsOver,
  }
}
