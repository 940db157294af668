import type { Effect, Input, Phase } from '../domain/connection.ts'
import type { Log } from '../runtime/log.ts'

type Line = { readonly level: 'info' | 'warn'; readonly text: string }

const info = (text: string): Line => ({ level: 'info', text })
const warn = (text: string): Line => ({ level: 'warn', text })

const secondMs = 1_000

interface Narrated {
  readonly before: Phase
  readonly input: Input
  readonly after: Phase
  readonly effects: readonly Effect[]
  /** The monotonic clock at the step. */
  readonly mono: number
}

const linesOf = ({ before, input, after, effects, mono }: Narrated): Line[] => {
  const clears = effects.some((effect) => effect.kind === 'wipe_credentials')
  const lines: Line[] = []
  switch (input.kind) {
    case 'qr':
      if (after.kind === 'pairing') {
        lines.push(
          info('📱 QR Code generated successfully'),
          info('✅ QR code data URL generated for frontend'),
        )
      }
      break
    case 'paired':
      lines.push(info('🔐 Authentication successful'))
      break
    case 'opened':
      if (after.kind === 'open') {
        lines.push(
          info('✅ WhatsApp connected successfully!'),
          info('🤖 Device is ready to receive messages'),
        )
      }
      break
    case 'closed': {
      const { code, message } = input.close
      const why = code === 515 ? 'Stream Errored (restart required)' : message
      lines.push(warn(`❌ Connection closed due to: ${why}`))
      if (clears && before.kind !== 'unlinking') {
        lines.push(
          warn('⚠️ Session error during initial pairing - clearing corrupted session files'),
          info('🧹 Cleared session directory'),
        )
      }
      break
    }
    case 'credentials_corrupt':
      lines.push(warn(`⚠️ Stored credentials cannot be read: ${input.detail}`))
      if (clears) lines.push(info('🧹 Cleared session directory'))
      break
    case 'unlink_done':
      if (clears) lines.push(info('✅ Device removed successfully.'))
      break
    case 'row':
      if (after.kind === 'opening' && before.kind !== 'opening')
        lines.push(info('🚀 Starting device session...'))
      break
    case 'lease_lost':
      lines.push(warn('⛔ Device given up: its lease is gone, or it must be taken over anew'))
      break
    default:
      break
  }
  if (after.kind === 'settled' && before.kind !== 'settled') {
    const observed = effects.findLast((effect) => effect.kind === 'observe')
    const reason = observed?.kind === 'observe' ? observed.observation.reason : undefined
    if (reason === 'logged_out') lines.push(warn('🚪 Logged out. Device session ended.'))
    else if (reason === 'pairing_timeout') lines.push(warn('⛔ Nobody scanned the QR code in time'))
  }
  if (after.kind === 'waiting' && before.kind !== 'waiting') {
    const seconds = Math.max(1, Math.round((after.until - mono) / secondMs))
    lines.push(info(`🔄 Attempting to reconnect in ${seconds} seconds...`))
  }
  return lines
}

/** Tells what happens to a device in the words that the guide's users look for in the log: `📱 [myphone] QR Code …`. */
export const narrate = (log: Log, deviceId: string, step: Narrated): void => {
  for (const { level, text } of linesOf(step)) {
    const at = text.indexOf(' ')
    log[level]({ device: deviceId }, `${text.slice(0, at)} [${deviceId}]${text.slice(at)}`)
  }
}
