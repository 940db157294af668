import type { Random } from './backoff.ts'
import {
  factsOf,
  type Connection,
  type Facts,
  type Input,
  type Limits,
  type Now,
  type Phase,
  type SocketInput,
  type Stepped,
} from './connection.ts'
import type { Device, StatusReason } from './device.ts'
import { classifyClose, reasonText, type SocketClose } from './disconnect.ts'
import { unreachable } from './errors.ts'
import { iso } from './iso.ts'
import {
  createMoves,
  drop,
  hasSocket,
  linked,
  observe,
  restrictedUntil,
  restriction,
  shown,
  wantsSocket,
  withPhase,
} from './moves.ts'

/** The moving parts of a step; `limits` and `random` do not change during one. */
export const createStep = (limits: Limits, random: Random) => {
  const { halt, unlinked, open, wait, retry, retryStore, afterUnlink, resume, pairingEnd, pairingIsOver } =
    createMoves(limits, random)

  const onRow = (c: Connection, device: Device, paired: boolean, now: Now): Stepped => {
    const fresh = device.generation !== c.facts.generation
    // The credentials were looked up before this input came: a scan may have been heard of since.
    const facts = factsOf(device, c.facts.paired || ((fresh || c.phase.kind === 'idle') && paired))
    const next: Connection = {
      ...c,
      facts: { ...facts, resumes: fresh ? false : c.facts.resumes },
      failures: fresh ? 0 : c.failures,
      replacements: fresh ? 0 : c.replacements,
      storeFailures: fresh ? 0 : c.storeFailures,
      pairingEndsAt:
        c.pairingEndsAt !== null && facts.startedAt === c.facts.startedAt
          ? c.pairingEndsAt
          : pairingEnd(facts.startedAt, now),
    }
    const unlinkAsked = facts.unlinkRequestedAt !== null && c.facts.unlinkRequestedAt === null
    if (fresh || unlinkAsked || c.phase.kind === 'idle') {
      if (unlinkAsked && c.phase.kind === 'open') {
        return withPhase(next, { kind: 'unlinking', since: now.mono }, [{ kind: 'unlink' }])
      }
      const reason = fresh || device.status === 'starting' ? undefined : 'connector_started'
      const { connection, effects } = resume({ ...next, phase: { kind: 'idle' } }, device.id, now, reason)
      return { connection, effects: [...drop(c.phase), ...effects] }
    }
    const wantsCode = facts.codePhone !== null && facts.codePhone !== c.facts.codePhone
    return {
      connection: next,
      effects:
        wantsCode && c.phase.kind === 'pairing' ? [{ kind: 'request_code', phone: facts.codePhone }] : [],
    }
  }

  const onOpenTick = (c: Connection, phase: Extract<Phase, { kind: 'open' }>, now: Now): Stepped => {
    const lastedMs = now.mono - phase.since
    const next: Connection = {
      ...c,
      failures: lastedMs >= limits.stableMs ? 0 : c.failures,
      replacements: lastedMs >= limits.replacedForgetMs ? 0 : c.replacements,
      storeFailures: lastedMs >= limits.storeStableMs ? 0 : c.storeFailures,
    }
    // Baileys takes an hour that the wall clock has skipped for silence, unless a frame comes before it looks (socket.ts
    // `startKeepAliveRequest`).
    const due = now.mono - phase.lastAnswerAt >= limits.silenceMs || clockWasSet(c, now)
    return !phase.probing && due
      ? withPhase(next, { ...phase, probing: true }, [{ kind: 'probe', timeoutMs: limits.probeTimeoutMs }])
      : { connection: next, effects: [] }
  }

  const onTick = (c: Connection, deviceId: string, now: Now): Stepped => {
    const { connection, effects } = onTickOf(c, deviceId, now)
    return { connection: { ...connection, wallAheadMs: now.wall - now.mono }, effects }
  }

  const onTickOf = (c: Connection, deviceId: string, now: Now): Stepped => {
    const { phase, facts } = c
    const idle = phase.kind === 'idle' || phase.kind === 'settled'
    const pairing = !facts.paired && facts.unlinkRequestedAt === null && facts.desired === 'running'
    if (pairing && !idle && pairingIsOver(c, now)) return halt(c, 'pairing_timeout')
    switch (phase.kind) {
      case 'idle':
      case 'settled':
      case 'queued':
      case 'pairing':
        return { connection: c, effects: [] }
      case 'waiting':
        return now.mono >= phase.until
          ? resume({ ...c, phase: { kind: 'idle' } }, deviceId, now)
          : { connection: c, effects: [] }
      case 'opening':
        return now.mono - phase.since >= limits.openTimeoutMs
          ? retry(c, 'connect_timeout', undefined, now)
          : { connection: c, effects: [] }
      case 'paired':
        return now.mono - phase.since >= limits.pairedTimeoutMs
          ? retry(c, 'connect_timeout', undefined, now)
          : { connection: c, effects: [] }
      case 'unlinking':
        return now.mono - phase.since >= limits.unlinkTimeoutMs
          ? retry(c, 'connect_timeout', undefined, now)
          : { connection: c, effects: [] }
      case 'open':
        return facts.restrictedUntil !== null && restrictedUntil(facts, now) === null
          ? {
              connection: { ...c, facts: { ...facts, restrictedUntil: null } },
              effects: [observe(restriction(null, now))],
            }
          : onOpenTick(c, phase, now)
      default:
        return unreachable(phase)
    }
  }

  const onClosed = (c: Connection, close: SocketClose, deviceId: string, now: Now): Stepped => {
    if (!hasSocket(c.phase)) return { connection: c, effects: [] }
    const { facts, phase } = c
    const paired = facts.paired || phase.kind === 'paired'
    if (facts.unlinkRequestedAt !== null) {
      const gone =
        close.origin === 'session' && (close.code === 401 || close.code === 403 || close.code === 406)
      if (gone) return afterUnlink(c, deviceId, now)
      if (close.origin === 'session' && close.code === 515) {
        return open({ ...c, phase: { kind: 'idle' } }, undefined)
      }
      // A ban lasts for good-byes too; whatever else it was, only the next login can say whether the link is gone.
      if (close.origin !== 'session' || close.code !== 402) return retry(c, 'connection_lost', undefined, now)
    }
    const disposition = classifyClose(close, { paired, replacements: c.replacements })
    const { reason } = disposition
    switch (disposition.kind) {
      case 'reconnect': {
        // The one after a scan belongs to linking; any other counts as a failure that is forgiven at first.
        const failures = phase.kind === 'paired' ? c.failures : c.failures + 1
        const next: Connection = { ...c, facts: { ...facts, paired } }
        return failures <= limits.promptReconnectsMax
          ? open({ ...next, failures, phase: { kind: 'idle' } }, reason)
          : retry(next, reason, describe(reason, close), now)
      }
      case 'reset': {
        const { connection, effects } = retry({ ...c, phase: { kind: 'idle' } }, reason, undefined, now)
        return { connection, effects: [{ kind: 'wipe_credentials' }, ...effects] }
      }
      case 'unlinked':
        return unlinked(c, reason, deviceId)
      case 'halt':
        return halt(c, reason, [], describe(reason, close))
      case 'wait': {
        const until = now.wall + disposition.ms
        const { connection, effects } = wait(c, disposition.ms, reason, undefined, now)
        return {
          connection: { ...connection, facts: { ...facts, notBefore: until } },
          effects: [...effects, observe({ notBefore: until })],
        }
      }
      case 'retry': {
        if (!paired && refsUsedUp(close)) {
          if (pairingIsOver(c, now)) return halt(c, 'pairing_timeout')
          // The guide promises fresh codes for ever: a new attempt, with fresh keys, and without a wait.
          return open({ ...c, phase: { kind: 'idle' } }, 'qr_refs_used_up', [{ kind: 'wipe_credentials' }])
        }
        if (!paired && pairingIsOver(c, now)) return halt(c, 'pairing_timeout')
        return disposition.slow
          ? wait(
              { ...c, replacements: c.replacements + 1 },
              limits.replacedRetryMs,
              reason,
              describe(reason, close),
              now,
            )
          : retry(c, reason, describe(reason, close), now)
      }
      default:
        return unreachable(disposition)
    }
  }

  const onSocket = (c: Connection, input: SocketInput, deviceId: string, now: Now): Stepped => {
    const { phase, facts } = c
    const same: Stepped = { connection: c, effects: [] }
    if (!hasSocket(phase)) return same
    switch (input.kind) {
      case 'qr': {
        if (facts.paired || facts.unlinkRequestedAt !== null) return same
        const first = phase.kind === 'opening'
        return withPhase(c, { kind: 'pairing' }, [
          observe({
            status: 'waiting_for_scan',
            reason: 'qr_shown',
            detail: reasonText.qr_shown,
            qr: input.qr,
            account: null,
            pairedAt: null,
            events: [{ type: 'device.qr_updated', deviceId, data: { expiresAt: iso(input.qr.expiresAt) } }],
          }),
          ...(first && facts.codePhone !== null
            ? [{ kind: 'request_code' as const, phone: facts.codePhone }]
            : []),
        ])
      }
      case 'paired': {
        if (facts.unlinkRequestedAt !== null) return same
        const told: Facts = { ...facts, paired: true, announced: true }
        return withPhase({ ...c, facts: told }, { kind: 'paired', since: now.mono }, [
          observe({
            status: 'connecting',
            reason: 'paired',
            detail: reasonText.paired,
            qr: null,
            pairingCode: null,
            account: input.account,
            ...linked(input.account, deviceId, now),
          }),
        ])
      }
      case 'opened':
        if (facts.unlinkRequestedAt !== null) {
          return withPhase(c, { kind: 'unlinking', since: now.mono }, [{ kind: 'unlink' }])
        }
        return withPhase(
          { ...c, facts: { ...facts, paired: true, resumes: true, announced: true, notBefore: null } },
          { kind: 'open', since: now.mono, lastAnswerAt: now.mono, probing: false },
          [
            observe({
              status: 'connected',
              ...restriction(restrictedUntil(facts, now), now),
              qr: null,
              pairingCode: null,
              notBefore: null,
              account: input.account,
              lastConnectedAt: now.wall,
              ...(facts.announced ? {} : linked(input.account, deviceId, now)),
            }),
          ],
        )
      case 'answered':
        return phase.kind === 'open'
          ? withPhase(c, { ...phase, lastAnswerAt: now.mono, probing: false })
          : same
      case 'probe_failed':
        return phase.kind === 'open' && phase.probing ? retry(c, 'connection_lost', undefined, now) : same
      case 'deaf':
        return phase.kind === 'open'
          ? retry(c, 'connection_lost', 'messages arrived but were not processed in time', now)
          : same
      case 'restricted':
        return phase.kind === 'open'
          ? {
              connection: { ...c, facts: { ...facts, restrictedUntil: input.until } },
              effects: [observe(restriction(input.until, now))],
            }
          : same
      case 'passkey_required':
        return facts.paired ? same : halt(c, 'passkey_required')
      case 'code_made':
      case 'code_refused': {
        if (facts.codePhone === null) return same
        return {
          connection: { ...c, facts: { ...facts, codePhone: null, codeMade: true } },
          effects: [
            observe({
              pairingCode: {
                phone: facts.codePhone,
                requestedAt: now.wall,
                code: input.kind === 'code_made' ? input.code : null,
                error: input.kind === 'code_refused' ? input.error : null,
              },
            }),
          ],
        }
      }
      case 'unlink_done':
        if (phase.kind !== 'unlinking') return same
        return input.gone ? afterUnlink(c, deviceId, now) : retry(c, 'connection_lost', input.detail, now)
      case 'closed':
        return onClosed(c, input.close, deviceId, now)
      default:
        return unreachable(input)
    }
  }

  /**
   * The whole behaviour of a device's connection: what was, what happened, what is and what must be done. Pure; the
   * shell carries out the effects in order and feeds what comes of them back as inputs.
   */
  return (c: Connection, input: Input, deviceId: string, now: Now): Stepped => {
    switch (input.kind) {
      case 'row':
        return onRow(c, input.device, input.paired, now)
      case 'tick':
        return onTick(c, deviceId, now)
      case 'admitted':
        return c.phase.kind === 'queued'
          ? withPhase(c, { kind: 'opening', since: now.mono }, [{ kind: 'open_socket' }])
          : { connection: c, effects: [] }
      case 'shutdown':
        return withPhase(c, { kind: 'idle' }, [
          ...drop(c.phase),
          ...(hasSocket(c.phase) && c.facts.unlinkRequestedAt === null
            ? [observe(shown(c, 'connector_stopped'))]
            : []),
        ])
      case 'lease_lost':
        // Whoever holds the lease now writes the row.
        return withPhase(c, { kind: 'idle' }, drop(c.phase))
      case 'store_failed':
        return wantsSocket(c.phase) ? retryStore(c, now) : { connection: c, effects: [] }
      case 'credentials_corrupt':
        if (!hasSocket(c.phase)) return { connection: c, effects: [] }
        // Nobody can log in with them to say good-bye: a removal would never end.
        if (c.facts.unlinkRequestedAt !== null) return afterUnlink(c, deviceId, now)
        return c.facts.paired
          ? halt(c, 'credentials_corrupt', [], `${reasonText.credentials_corrupt} (${input.detail})`)
          : open({ ...c, phase: { kind: 'idle' } }, 'credentials_reset', [{ kind: 'wipe_credentials' }])
      default:
        return onSocket(c, input, deviceId, now)
    }
  }
}

export type Step = ReturnType<typeof createStep>

/** A wall clock that is kept right by small corrections is not meant. */
const clockJumpMs = 2_000

const clockWasSet = ({ wallAheadMs }: Connection, { wall, mono }: Now): boolean =>
  wallAheadMs !== null && Math.abs(wall - mono - wallAheadMs) >= clockJumpMs

const refsUsedUp = (close: SocketClose): boolean => close.code === 408 && /QR refs/i.test(close.message)

const describe = (reason: StatusReason, { code, message }: SocketClose): string =>
  `${reasonText[reason]} (${[code, message].filter((part) => part !== null && part !== '').join(', ')})`
