import path from 'node:path'
import { z } from 'zod'
import type { LogFormat, LogLevel } from './runtime/log.ts'
import { isLoopback } from './runtime/loopback.ts'

/** A setting or argument is wrong: all that is, one line each. The process ends with code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

const portMax = 65_535
const waitMsMax = 10 * 60 * 1000
const loginsMaxMax = 1_000
const pairingMsMax = 24 * 60 * 60 * 1000
const reserveMbMax = 1_000_000
const bytesPerMb = 1024 * 1024
const noiseKeyBytes = 32

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)

const serverUrl = z.string().superRefine((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    context.addIssue({
      code: 'custom',
      message: 'must be a ws:// or wss:// URL, such as ws://127.0.0.1:3100/ws/chat',
    })
  } else if (!isLoopback(url.hostname)) {
    context.addIssue({
      code: 'custom',
      message:
        'only a loopback address (127.0.0.1, localhost, ::1) may stand in for WhatsApp: whoever runs that server reads all messages',
    })
  }
})

const schema = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: wholeNumber(0, portMax).default(3000),
  DATA_DIR: z.string().min(1).default('./data'),
  DISK_RESERVE_MB: wholeNumber(0, reserveMbMax).default(64),
  SANDBOX_PORT: wholeNumber(0, portMax).default(3100),
  SANDBOX_SEED: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error'], 'must be debug, info, warn or error').default('info'),
  LOG_FORMAT: z.enum(['pretty', 'json'], 'must be pretty or json').optional(),
  SEND_WAIT_MS: wholeNumber(0, waitMsMax).default(15_000),
  PAIRING_TIMEOUT_MS: wholeNumber(1_000, pairingMsMax).default(600_000),
  WHATSAPP_URL: serverUrl.optional(),
  WHATSAPP_NOISE_ROOT_KEY: z
    .string()
    .regex(
      new RegExp(`^[0-9a-fA-F]{${noiseKeyBytes * 2}}$`),
      `must be ${noiseKeyBytes} bytes in hex (${noiseKeyBytes * 2} digits)`,
    )
    .optional(),
  WHATSAPP_MEDIA_CA: z.string().min(1).optional(),
  WHATSAPP_VERSION: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'must be three numbers, such as 2.3000.1043857760')
    .optional(),
  WHATSAPP_QR_TIMEOUT_MS: wholeNumber(500, waitMsMax).optional(),
  WHATSAPP_KEEPALIVE_MS: wholeNumber(500, waitMsMax).default(30_000),
  WHATSAPP_LOGINS_MAX: wholeNumber(1, loginsMaxMax).default(8),
})

/** All settings of a process, read once. */
export interface Config {
  readonly host: string
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  /** So much of the disk is kept for what is under way: with less, no new message is accepted. */
  readonly diskReserveBytes: number
  readonly sandboxPort: number
  readonly sandboxSeed: string | undefined
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  readonly sendWaitMs: number
  readonly pairingTimeoutMs: number
  readonly whatsapp: {
    readonly url: string | undefined
    readonly noiseRootKey: string | undefined
    /** A file. */
    readonly mediaCaFile: string | undefined
    readonly version: readonly [number, number, number] | undefined
    readonly qrTimeoutMs: number | undefined
    readonly keepAliveMs: number
    /** So many devices log in at a time. */
    readonly loginsMax: number
  }
}

/** The names of all variables, for the documents and their test. */
export const settingNames: readonly string[] = Object.keys(schema.shape)

const parseVersion = (text: string | undefined): readonly [number, number, number] | undefined => {
  if (text === undefined) return undefined
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number)
  return [major, minor, patch]
}

/** The environment of this process, for a child that is to have the same settings. */
export const environment = (): NodeJS.ProcessEnv => ({ ...process.env })

/** Keys that would be trusted in place of the real WhatsApp's, with no other server named. */
const strayTrust = (given: Readonly<Record<string, string | undefined>>): string[] =>
  given['WHATSAPP_URL'] !== undefined
    ? []
    : ['WHATSAPP_NOISE_ROOT_KEY', 'WHATSAPP_MEDIA_CA']
        .filter((name) => given[name] !== undefined)
        .map(
          (name) =>
            `${name} is refused without WHATSAPP_URL: the real WhatsApp is trusted by its own keys only`,
        )

/**
 * Reads the settings from the environment; an empty variable counts as absent. Throws UsageError with every problem
 * that there is.
 */
export const readConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config => {
  const given = Object.fromEntries(
    settingNames.map((name) => [name, env[name] === '' ? undefined : env[name]]),
  )
  const parsed = schema.safeParse(given)
  const problems = [
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')} ${issue.message}`),
    ...strayTrust(given),
  ]
  if (!parsed.success || problems.length > 0) throw new UsageError(problems)
  const { data } = parsed
  return Object.freeze({
    host: data.HOST,
    port: data.PORT,
    dataDir: path.resolve(data.DATA_DIR),
    diskReserveBytes: data.DISK_RESERVE_MB * bytesPerMb,
    sandboxPort: data.SANDBOX_PORT,
    sandboxSeed: data.SANDBOX_SEED,
    logLevel: data.LOG_LEVEL,
    logFormat: data.LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json'),
    sendWaitMs: data.SEND_WAIT_MS,
    pairingTimeoutMs: data.PAIRING_TIMEOUT_MS,
    whatsapp: Object.freeze({
      url: data.WHATSAPP_URL,
      noiseRootKey: data.WHATSAPP_NOISE_ROOT_KEY,
      mediaCaFile: data.WHATSAPP_MEDIA_CA,
      version: parseVersion(data.WHATSAPP_VERSION),
      qrTimeoutMs: data.WHATSAPP_QR_TIMEOUT_MS,
      keepAliveMs: data.WHATSAPP_KEEPALIVE_MS,
      loginsMax: data.WHATSAPP_LOGINS_MAX,
    }),
  })
}
