import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { type CountedKind, isMeant } from '../faults.ts'
import { readQr } from '../phone/qr-image.ts'
import { parseJid } from '../protocol/jid.ts'
import { parseLinkingQr } from '../protocol/qr-text.ts'
import { streamError, streamReplaced } from '../protocol/stanzas.ts'
import { restrict } from '../session/restriction.ts'
import { unlinkCompanion } from '../session/companion.ts'
import type { Pairings } from '../session/pairings.ts'
import type { LiveSocket, Sockets } from '../sockets.ts'
import type { Companion } from '../state/account.ts'
import { normalizeNumber, type Phones } from '../phones.ts'
import type { FaultCommand } from './schemas.ts'

interface Parts {
  readonly context: Context
  readonly phones: Phones
  readonly pairings: Pairings
  readonly sockets: Sockets
}

/** The `device` of a fault in the form that is compared, once it is known to mean somebody. */
const checkedDevice = (context: Context, device: string | undefined): string | undefined => {
  if (device === undefined) return undefined
  const jid = parseJid(device)
  if (jid === undefined) {
    const number = normalizeNumber(device)
    if (context.directory.accounts.has(number)) return number
  } else if (context.directory.findDevice(jid) !== undefined) return device
  throw new SandboxError(422, `device: ${device} is neither a phone's number nor the JID of a linked device`)
}

const companionOf = ({ purpose }: LiveSocket): Companion | undefined =>
  purpose.kind === 'companion' ? purpose.companion : undefined

const refusedSecret = (command: {
  qr?: string | undefined
  qrCode?: string | undefined
}): Buffer | undefined => {
  const value = command.qr ?? command.qrCode
  if (value === undefined) return undefined
  const qr = parseLinkingQr(readQr(value))
  if (qr === undefined) throw new SandboxError(422, "qr: this is not WhatsApp's linking QR")
  return qr.advSecret
}

/**
 * Makes a fault happen, or sets it up.
 *
 * @returns how many sockets or devices it hit at once; 0 for a fault that waits for its occasion
 */
export const causeFault = ({ context, phones, pairings, sockets }: Parts, command: FaultCommand): number => {
  const device = 'device' in command ? checkedDevice(context, command.device) : undefined
  const hit = sockets.all.filter((socket) => isMeant(device, companionOf(socket)))
  const arm = (kind: CountedKind) => {
    const code = 'code' in command ? command.code : 'status' in command ? command.status : undefined
    const left = 'count' in command ? command.count : 1
    const to = 'to' in command && command.to !== undefined ? phones.contact(command.to).number : undefined
    const isLost = command.kind === 'garble' && !command.resend
    context.faults.add({ kind, device, left, code, isLost, ...(to === undefined ? {} : { to }) })
    return 0
  }
  switch (command.kind) {
    case 'drop':
      for (const { connection } of hit) connection.reset()
      return hit.length
    case 'freeze':
      for (const { connection } of hit) connection.freeze()
      return hit.length
    case 'stream-error':
    case 'replaced': {
      const open = hit.filter(({ connection }) => connection.isOpen && !connection.isFrozen)
      for (const { connection } of open) {
        connection.send(command.kind === 'replaced' ? streamReplaced() : streamError(command.code))
        connection.close()
      }
      return open.length
    }
    case 'raw': {
      const open = hit.filter(({ connection }) => connection.isOpen && !connection.isFrozen)
      const bytes = Buffer.from(command.base64, 'base64')
      for (const { connection } of open) connection.sendRaw(bytes, command.as)
      return open.length
    }
    case 'logout': {
      const companions = [...context.directory.accounts.values()]
        .flatMap((account) => [...account.companions.values()])
        .filter((companion) => isMeant(device, companion))
      for (const companion of companions) unlinkCompanion(context, companion)
      return companions.length
    }
    case 'reg-refresh': {
      const secret = refusedSecret(command)
      for (const pairing of pairings.open) pairing.refresh(command.form, secret)
      return pairings.open.size
    }
    case 'passkey':
      for (const pairing of pairings.open) pairing.requirePasskey()
      return pairings.open.size
    case 'restrict':
      return restrict(context, phones.contact(command.device), command.seconds)
    case 'media-expired':
      return context.media.store.expire(command.path, command.status)
    case 'media-auth':
      return context.media.revokeAuth()
    case 'media-slow':
      context.faults.add({ kind: 'media-slow', ms: command.ms })
      return 0
    case 'delay':
      context.faults.add({ kind: 'delay', device, ms: command.ms })
      return 0
    case 'lose-acks':
    case 'duplicate':
    case 'nack':
    case 'reject-upgrade':
    case 'silent-handshake':
    case 'garble':
    case 'unavailable':
    case 'media-upload':
    case 'media-download':
    case 'media-corrupt':
      return arm(command.kind)
    default:
      command satisfies never
      return 0
  }
}
