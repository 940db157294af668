import { isIP } from 'node:net'
import path from 'node:path'
import type { LogFormat, LogLevel } from './runtime/log.ts'
import type { RemoteKind } from './domain/media.ts'
import { attemptDelaysMs } from './domain/webhook.ts'
import type { Retention } from './domain/retention.ts'
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
const retentionDaysMax = 36_500
/** So long WhatsApp may ask for a message again, and receipts for it come. */
const messagesRetentionDaysMin = 14
/** Listeners that were away for a while must find where they were. */
const eventsMaxMin = 1_000
const secondMs = 1_000
const dayMs = 24 * 60 * 60 * secondMs
const mediaBytesMaxMax = 2_147_483_648

/** By hand: zod would be 4 MB of a connector, which needs it for nothing else. */
type Read<Value> = { readonly value: Value } | { readonly problem: string }
type Parse<Value> = (text: string) => Read<Value>
/** Reads a variable, undefined when it is not set. */
type Setting<Value> = (text: string | undefined) => Read<Value>

const optional =
  <Value>(parse: Parse<Value>): Setting<Value | undefined> =>
  (text) =>
    text === undefined ? { value: undefined } : parse(text)

const withDefault =
  <Value>(fallback: Value, parse: Parse<Value>): Setting<Value> =>
  (text) =>
    text === undefined ? { value: fallback } : parse(text)

const anyText: Parse<string> = (value) => ({ value })

const textLike =
  (pattern: RegExp, problem: string): Parse<string> =>
  (value) =>
    pattern.test(value) ? { value } : { problem }

const wholeNumber =
  (min: number, max: number): Parse<number> =>
  (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max
      ? { value }
      : { problem: `must be a whole number from ${min} to ${max}` }
  }

const oneOf =
  <Word extends string>(words: readonly Word[]): Parse<Word> =>
  (text) => {
    const value = words.find((word) => word === text)
    return value === undefined
      ? { problem: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}` }
      : { value }
  }

const mediaKinds: readonly RemoteKind[] = ['image', 'video', 'audio', 'document', 'sticker']

const kindsOfMedia: Parse<ReadonlySet<RemoteKind>> = (text) => {
  if (text === 'all') return { value: new Set(mediaKinds) }
  if (text === 'none') return { value: new Set() }
  const words = text.split(',').map((word) => word.trim())
  const value = mediaKinds.filter((kind) => words.includes(kind))
  return value.length === new Set(words).size
    ? { value: new Set(value) }
    : { problem: `must be all, none, or some of ${mediaKinds.join(', ')} with commas between` }
}

const httpUrl =
  (example: string): Parse<string> =>
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined
    return url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.username === ''
      ? { value }
      : { problem: `must be an http:// or https:// URL, such as ${example}` }
  }

const retryDelaysMax = 50
const retryDelaySecondsMax = 604_800

/** `5,300,1800`: seconds after each failure; as ms, with the first attempt, which is made at once. */
const retryDelays: Parse<readonly number[]> = (text) => {
  const parts = text.split(',').map((part) => part.trim())
  const seconds = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN))
  const isGood = seconds.every((each) => each >= 1 && each <= retryDelaySecondsMax)
  return isGood && seconds.length <= retryDelaysMax
    ? { value: [0, ...seconds.map((each) => each * secondMs)] }
    : {
        problem: `must be up to ${retryDelaysMax} whole numbers from 1 to ${retryDelaySecondsMax} with commas between: seconds, such as 5,300,1800`,
      }
}

const networkBits: Readonly<Record<number, number>> = { 4: 32, 6: 128 }

/** An address, a network such as `10.1.0.0/16`, or a host name. */
const isHostOrNetwork = (text: string): boolean => {
  const [host = '', bits, ...rest] = text.split('/')
  if (rest.length > 0) return false
  const version = isIP(host)
  if (version === 0) return bits === undefined && /^(?!-)[a-z\d.-]{1,253}$/i.test(host)
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (networkBits[version] ?? 0))
}

const hostsAndNetworks: Parse<readonly string[]> = (text) => {
  const value = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  return value.every(isHostOrNetwork)
    ? { value }
    : {
        problem:
          'must be host names, addresses and networks with commas between, such as nas.local,10.1.0.0/16',
      }
}

const serverUrl: Parse<string> = (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    return { problem: 'must be a ws:// or wss:// URL, such as ws://127.0.0.1:3100/ws/chat' }
  }
  if (isLoopback(url.hostname)) return { value }
  return {
    problem:
      'only a loopback address (127.0.0.1, localhost, ::1) may stand in for WhatsApp: whoever runs that server reads all messages',
  }
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const logFormats: readonly LogFormat[] = ['pretty', 'json']

const settings = {
  HOST: withDefault('127.0.0.1', anyText),
  PORT: withDefault(3000, wholeNumber(0, portMax)),
  PUBLIC_URL: optional(httpUrl('https://gateway.example.com')),
  DATA_DIR: withDefault('./data', anyText),
  DISK_RESERVE_MB: withDefault(64, wholeNumber(0, reserveMbMax)),
  SANDBOX_PORT: withDefault(3100, wholeNumber(0, portMax)),
  SANDBOX_SEED: optional(anyText),
  LOG_LEVEL: withDefault('info', oneOf(logLevels)),
  LOG_FORMAT: optional(oneOf(logFormats)),
  SEND_WAIT_MS: withDefault(15_000, wholeNumber(0, waitMsMax)),
  PAIRING_TIMEOUT_MS: withDefault(600_000, wholeNumber(1_000, pairingMsMax)),
  MEDIA_AUTO_DOWNLOAD: withDefault(new Set(mediaKinds), kindsOfMedia),
  MEDIA_AUTO_DOWNLOAD_MAX_BYTES: withDefault(104_857_600, wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  MEDIA_RETENTION_DAYS: optional(wholeNumber(1, retentionDaysMax)),
  MEDIA_QUOTA_BYTES: optional(wholeNumber(0, Number.MAX_SAFE_INTEGER)),
  MESSAGES_RETENTION_DAYS: optional(wholeNumber(messagesRetentionDaysMin, retentionDaysMax)),
  EVENTS_RETENTION_DAYS: withDefault(30, wholeNumber(1, retentionDaysMax)),
  EVENTS_MAX: withDefault(1_000_000, wholeNumber(eventsMaxMin, Number.MAX_SAFE_INTEGER)),
  DELIVERIES_RETENTION_DAYS: withDefault(30, wholeNumber(1, retentionDaysMax)),
  HISTORY_RETENTION_DAYS: optional(wholeNumber(1, retentionDaysMax)),
  AUDIT_RETENTION_DAYS: optional(wholeNumber(1, retentionDaysMax)),
  MEDIA_S3_ENDPOINT: optional(httpUrl('https://s3.eu-central-1.amazonaws.com')),
  MEDIA_S3_BUCKET: optional(textLike(/^[a-z\d][a-z\d.-]{1,61}[a-z\d]$/, 'must be the name of a bucket')),
  MEDIA_S3_REGION: withDefault('us-east-1', textLike(/^[\w-]{1,64}$/, 'must be the name of a region')),
  MEDIA_S3_PREFIX: withDefault(
    '',
    textLike(/^[\w./-]{1,200}\/$/, 'must be letters, digits and ._-/ with a / at its end, such as whatsapp/'),
  ),
  MEDIA_S3_ACCESS_KEY_ID: optional(anyText),
  MEDIA_S3_SECRET_ACCESS_KEY: optional(anyText),
  MEDIA_MAX_BYTES: withDefault(104_857_600, wholeNumber(1, mediaBytesMaxMax)),
  MEDIA_URL_ALLOW: optional(hostsAndNetworks),
  WEBHOOK_URL_ALLOW: optional(hostsAndNetworks),
  WEBHOOK_RETRY_DELAYS: withDefault(attemptDelaysMs, retryDelays),
  LINK_PREVIEWS: withDefault('on', oneOf(['on', 'off'])),
  FFMPEG_PATH: withDefault('ffmpeg', anyText),
  WHATSAPP_URL: optional(serverUrl),
  WHATSAPP_NOISE_ROOT_KEY: optional(
    textLike(
      new RegExp(`^[0-9a-fA-F]{${noiseKeyBytes * 2}}$`),
      `must be ${noiseKeyBytes} bytes in hex (${noiseKeyBytes * 2} digits)`,
    ),
  ),
  WHATSAPP_MEDIA_CA: optional(anyText),
  WHATSAPP_VERSION: optional(textLike(/^\d+\.\d+\.\d+$/, 'must be three numbers, such as 2.3000.1043857760')),
  WHATSAPP_QR_TIMEOUT_MS: optional(wholeNumber(500, waitMsMax)),
  WHATSAPP_KEEPALIVE_MS: withDefault(30_000, wholeNumber(500, waitMsMax)),
  WHATSAPP_LOGINS_MAX: withDefault(16, wholeNumber(1, loginsMaxMax)),
} satisfies Readonly<Record<string, Setting<unknown>>>

type SettingName = keyof typeof settings
type Values = {
  readonly [Name in SettingName]: ReturnType<(typeof settings)[Name]> extends Read<infer Value>
    ? Value
    : never
}

interface S3Config {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly prefix: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** All settings of a process, read once. */
export interface Config {
  readonly host: string
  readonly port: number
  /** Under which others reach the API, without a slash at its end; undefined: as it listens. */
  readonly publicUrl: string | undefined
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
  readonly media: {
    /** Kinds of files that are fetched as they come, up to so many bytes. */
    readonly autoFetch: { readonly kinds: ReadonlySet<RemoteKind>; readonly bytesMax: number }
    /** Null: for ever. */
    readonly retentionMs: number | null
    /** Null: no limit. */
    readonly quotaBytes: number | null
    /** Undefined: files are kept in the data folder. */
    readonly s3: S3Config | undefined
  }
  readonly retention: Retention
  readonly mediaIn: {
    /** Of one file. */
    readonly bytesMax: number
    /** Hosts and networks beside the public internet that URLs may name. */
    readonly urlAllow: readonly string[]
    readonly linkPreviews: boolean
    readonly ffmpeg: {
      /** A path, or a name to look for in `searchPath`. */
      readonly program: string
      /** PATH. */
      readonly searchPath: string
    }
  }
  readonly webhooks: {
    /** Hosts and networks beside the public internet that events may be sent to. */
    readonly urlAllow: readonly string[]
    /** How long to wait before each attempt, the first included. */
    readonly attemptDelaysMs: readonly number[]
  }
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
export const settingNames: readonly string[] = Object.keys(settings)

const ageOf = (days: number | undefined): number | null => (days === undefined ? null : days * dayMs)

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

const s3Settings = [
  'MEDIA_S3_ENDPOINT',
  'MEDIA_S3_BUCKET',
  'MEDIA_S3_ACCESS_KEY_ID',
  'MEDIA_S3_SECRET_ACCESS_KEY',
]

/** A bucket that is half described would leave files where nobody looks for them. */
const halfS3 = (given: Readonly<Record<string, string | undefined>>): string[] => {
  const missing = s3Settings.filter((name) => given[name] === undefined)
  if (missing.length === 0 || missing.length === s3Settings.length) return []
  return missing.map((name) => `${name} is missing: for S3 all of ${s3Settings.join(', ')} are needed`)
}

const s3Of = (data: Values): S3Config | undefined => {
  const { MEDIA_S3_ENDPOINT: endpoint, MEDIA_S3_BUCKET: bucket } = data
  const { MEDIA_S3_ACCESS_KEY_ID: accessKeyId, MEDIA_S3_SECRET_ACCESS_KEY: secretAccessKey } = data
  if (
    endpoint === undefined ||
    bucket === undefined ||
    accessKeyId === undefined ||
    secretAccessKey === undefined
  ) {
    return undefined
  }
  const { MEDIA_S3_REGION: region, MEDIA_S3_PREFIX: prefix } = data
  return { endpoint, bucket, region, prefix, accessKeyId, secretAccessKey }
}

/**
 * Reads the settings from the environment; an empty variable counts as absent. Throws UsageError with every problem
 * that there is.
 */
export const readConfig = (env: Readonly<Record<string, string | undefined>> = process.env): Config => {
  const given = Object.fromEntries(
    settingNames.map((name) => [name, env[name] === '' ? undefined : env[name]]),
  )
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  for (const [name, read] of Object.entries(settings)) {
    const result = read(given[name])
    if ('problem' in result) problems.push(`${name} ${result.problem}`)
    else values[name] = result.value
  }
  problems.push(...strayTrust(given), ...halfS3(given))
  if (problems.length > 0) throw new UsageError(problems)
  const data = values as Values
  return Object.freeze({
    host: data.HOST,
    port: data.PORT,
    publicUrl: data.PUBLIC_URL?.replace(/\/+$/, ''),
    dataDir: path.resolve(data.DATA_DIR),
    diskReserveBytes: data.DISK_RESERVE_MB * bytesPerMb,
    sandboxPort: data.SANDBOX_PORT,
    sandboxSeed: data.SANDBOX_SEED,
    logLevel: data.LOG_LEVEL,
    logFormat: data.LOG_FORMAT ?? (process.stdout.isTTY ? 'pretty' : 'json'),
    sendWaitMs: data.SEND_WAIT_MS,
    pairingTimeoutMs: data.PAIRING_TIMEOUT_MS,
    media: Object.freeze({
      autoFetch: { kinds: data.MEDIA_AUTO_DOWNLOAD, bytesMax: data.MEDIA_AUTO_DOWNLOAD_MAX_BYTES },
      retentionMs: ageOf(data.MEDIA_RETENTION_DAYS),
      quotaBytes: data.MEDIA_QUOTA_BYTES ?? null,
      s3: s3Of(data),
    }),
    retention: Object.freeze({
      messagesMs: ageOf(data.MESSAGES_RETENTION_DAYS),
      eventsMs: ageOf(data.EVENTS_RETENTION_DAYS),
      eventsMax: data.EVENTS_MAX,
      deliveriesMs: ageOf(data.DELIVERIES_RETENTION_DAYS),
      historyMs: ageOf(data.HISTORY_RETENTION_DAYS),
      auditMs: ageOf(data.AUDIT_RETENTION_DAYS),
    }),
    mediaIn: Object.freeze({
      bytesMax: data.MEDIA_MAX_BYTES,
      urlAllow: data.MEDIA_URL_ALLOW ?? [],
      linkPreviews: data.LINK_PREVIEWS === 'on',
      ffmpeg: { program: data.FFMPEG_PATH, searchPath: env['PATH'] ?? '' },
    }),
    webhooks: Object.freeze({
      urlAllow: data.WEBHOOK_URL_ALLOW ?? [],
      attemptDelaysMs: data.WEBHOOK_RETRY_DELAYS,
    }),
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
