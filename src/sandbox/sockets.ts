import type { Socket } from 'node:net'
import type { proto } from '@whiskeysockets/baileys'
import type { WebSocket } from 'ws'
import type { Context } from './context.ts'
import type { Node } from './protocol/node.ts'
import { failure } from './protocol/stanzas.ts'
import { type Session, startCompanionSession } from './session/companion.ts'
import { readRegistration, startPairingSession } from './session/pairing.ts'
import type { Pairings } from './session/pairings.ts'
import type { Companion } from './state/account.ts'
import type { NoiseIdentity } from './wire/certificates.ts'
import { acceptConnection, type Connection } from './wire/connection.ts'
import type { FinishedHandshake } from './wire/noise.ts'

/** What a socket turned out to be for. */
type Purpose =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'pairing'; readonly session: Session }
  | { readonly kind: 'companion'; readonly session: Session; readonly companion: Companion }

export interface LiveSocket {
  readonly connection: Connection
  readonly purpose: Purpose
}

/** The WebSockets that are open now. */
export interface Sockets {
  readonly all: readonly LiveSocket[]
  accept(socket: WebSocket, tcp: Socket): void
  resetFrozen(): number
  closeAll(): void
}

const notLinked = 401
const malformed = 400

export const createSockets = (context: Context, pairings: Pairings, identity: NoiseIdentity): Sockets => {
  const { counters, directory, log } = context
  const open = new Map<Connection, Purpose>()
  /** Those that are still told nothing. */
  const waiting = new Set<Connection>()

  const refuse = (connection: Connection, reason: number): void => {
    counters.loginsRefused++
    open.set(connection, { kind: 'refused' })
    connection.send(failure(reason))
    connection.close()
  }

  const companionOf = (payload: proto.ClientPayload, noiseKey: Buffer): Companion | undefined => {
    const account = directory.accounts.get(String(payload.username))
    const companion = account?.companions.get(payload.device ?? 0)
    return companion?.noiseKey.equals(noiseKey) === true ? companion : undefined
  }

  const onHandshake = (connection: Connection, handshake: FinishedHandshake): void => {
    counters.handshakes++
    waiting.delete(connection)
    const { payload, clientStatic } = handshake
    if (payload.devicePairingData) {
      const registration = readRegistration(handshake)
      if (registration === undefined) return refuse(connection, malformed)
      const session = startPairingSession(context, pairings, connection, registration)
      open.set(connection, { kind: 'pairing', session })
      return
    }
    const companion = companionOf(payload, clientStatic)
    if (companion === undefined) return refuse(connection, notLinked)
    const session = startCompanionSession(context, companion, connection)
    open.set(connection, { kind: 'companion', session, companion })
  }

  const guarded = (connection: Connection, what: string, work: () => void): void => {
    try {
      work()
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      log('error', { reason }, `sandbox failed: ${what}`)
      connection.close()
    }
  }

  const purposeOf = (connection: Connection): Purpose => open.get(connection) ?? { kind: 'unknown' }

  return {
    get all() {
      return [...open].map(([connection, purpose]) => ({ connection, purpose }))
    },
    accept(socket, tcp) {
      const connection = acceptConnection(
        socket,
        tcp,
        identity,
        {
          onHandshake: (of, handshake) => guarded(of, 'handshake', () => onHandshake(of, handshake)),
          onNode: (of, node: Node) =>
            guarded(of, node.tag, () => {
              const purpose = purposeOf(of)
              if ('session' in purpose) purpose.session.onNode(node)
            }),
          onClose: (of, refused) => {
            const purpose = purposeOf(of)
            open.delete(of)
            waiting.delete(of)
            if (purpose.kind === 'unknown') counters.handshakesFailed++
            if ('session' in purpose) purpose.session.onClose()
            if (refused === undefined) return
            counters.framesRefused++
            log('warn', { reason: refused }, 'socket refused')
          },
          delayMs: (of) => {
            const purpose = purposeOf(of)
            return context.faults.delayMs(purpose.kind === 'companion' ? purpose.companion : undefined)
          },
        },
        context.clock.now(),
      )
      open.set(connection, { kind: 'unknown' })
      waiting.add(connection)
      counters.loginsAtOnceMost = Math.max(counters.loginsAtOnceMost, waiting.size)
      if (context.faults.consume('silent-handshake') !== undefined) connection.freeze()
    },
    resetFrozen() {
      const frozen = [...open.keys()].filter((connection) => connection.isFrozen)
      for (const connection of frozen) connection.reset()
      return frozen.length
    },
    closeAll() {
      for (const connection of open.keys()) connection.reset()
    },
  }
}
