import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { attemptDelaysMs } from '../../src/domain/webhook.ts'
import { type Config, readConfig, settingNames, UsageError } from '../../src/config.ts'

const dayMs = 24 * 60 * 60 * 1_000
const key = 'ab'.repeat(32)
const url = 'ws://127.0.0.1:3100/ws/chat'

const problemsOf = (env: Readonly<Record<string, string>>): readonly string[] => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof UsageError) return error.problems
    throw error
  }
  return []
}

describe('the settings of an empty environment', () => {
  it('are the defaults', () => {
    expect(readConfig({})).toEqual({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: undefined,
      dataDir: path.resolve('data'),
      diskReserveBytes: 64 * 1024 * 1024,
      sandboxPort: 3100,
      sandboxSeed: undefined,
      logLevel: 'info',
      logFormat: process.stdout.isTTY ? 'pretty' : 'json',
      sendWaitMs: 15_000,
      pairingTimeoutMs: 600_000,
      media: {
        autoFetch: {
          kinds: new Set(['image', 'video', 'audio', 'document', 'sticker']),
          bytesMax: 104_857_600,
        },
        retentionMs: null,
        quotaBytes: null,
        s3: undefined,
      },
      retention: {
        messagesMs: null,
        eventsMs: 30 * dayMs,
        eventsMax: 1_000_000,
        deliveriesMs: 30 * dayMs,
        historyMs: null,
        auditMs: null,
      },
      mediaIn: {
        bytesMax: 104_857_600,
        urlAllow: [],
        linkPreviews: true,
        ffmpeg: { program: 'ffmpeg', searchPath: '' },
      },
      webhooks: { urlAllow: [], attemptDelaysMs },
      whatsapp: {
        url: undefined,
        noiseRootKey: undefined,
        mediaCaFile: undefined,
        version: undefined,
        qrTimeoutMs: undefined,
        keepAliveMs: 30_000,
        loginsMax: 16,
      },
    } satisfies Config)
  })

  it('are those of an environment in which every variable is empty', () => {
    expect(readConfig(Object.fromEntries(settingNames.map((name) => [name, ''])))).toEqual(readConfig({}))
  })

  it('cannot be changed afterwards', () => {
    expect(Object.isFrozen(readConfig({}))).toBe(true)
  })
})

describe('a setting', () => {
  it('is read from its variable', () => {
    expect(
      readConfig({
        HOST: '0.0.0.0',
        PORT: '8080',
        PUBLIC_URL: 'https://gateway.example.com/whatsapp/',
        DATA_DIR: '/var/lib/gateway',
        DISK_RESERVE_MB: '7',
        SANDBOX_PORT: '0',
        SANDBOX_SEED: 'seven',
        LOG_LEVEL: 'debug',
        LOG_FORMAT: 'json',
        SEND_WAIT_MS: '0',
        PAIRING_TIMEOUT_MS: '1000',
        MEDIA_AUTO_DOWNLOAD: 'image, audio',
        MEDIA_AUTO_DOWNLOAD_MAX_BYTES: '5',
        MEDIA_RETENTION_DAYS: '2',
        MEDIA_QUOTA_BYTES: '1000',
        MESSAGES_RETENTION_DAYS: '14',
        EVENTS_RETENTION_DAYS: '3',
        EVENTS_MAX: '1000',
        DELIVERIES_RETENTION_DAYS: '4',
        HISTORY_RETENTION_DAYS: '5',
        AUDIT_RETENTION_DAYS: '6',
        MEDIA_S3_ENDPOINT: 'http://127.0.0.1:9000',
        MEDIA_S3_BUCKET: 'files',
        MEDIA_S3_REGION: 'eu-central-1',
        MEDIA_S3_PREFIX: 'whatsapp/',
        MEDIA_S3_ACCESS_KEY_ID: 'id',
        MEDIA_S3_SECRET_ACCESS_KEY: 'secret',
        MEDIA_MAX_BYTES: '1000',
        MEDIA_URL_ALLOW: 'nas.local, 10.1.0.0/16,fd00::/8,127.0.0.1',
        WEBHOOK_URL_ALLOW: 'crm.local,10.2.0.0/16',
        WEBHOOK_RETRY_DELAYS: '5, 60',
        LINK_PREVIEWS: 'off',
        FFMPEG_PATH: '/opt/ffmpeg',
        PATH: '/bin:/usr/bin',
        WHATSAPP_URL: url,
        WHATSAPP_NOISE_ROOT_KEY: key,
        WHATSAPP_MEDIA_CA: 'ca.pem',
        WHATSAPP_VERSION: '2.3000.1043857760',
        WHATSAPP_QR_TIMEOUT_MS: '500',
        WHATSAPP_KEEPALIVE_MS: '600000',
        WHATSAPP_LOGINS_MAX: '1000',
      }),
    ).toEqual({
      host: '0.0.0.0',
      port: 8080,
      publicUrl: 'https://gateway.example.com/whatsapp',
      dataDir: '/var/lib/gateway',
      diskReserveBytes: 7 * 1024 * 1024,
      sandboxPort: 0,
      sandboxSeed: 'seven',
      logLevel: 'debug',
      logFormat: 'json',
      sendWaitMs: 0,
      pairingTimeoutMs: 1_000,
      media: {
        autoFetch: { kinds: new Set(['image', 'audio']), bytesMax: 5 },
        retentionMs: 2 * 24 * 60 * 60 * 1_000,
        quotaBytes: 1_000,
        s3: {
          endpoint: 'http://127.0.0.1:9000',
          bucket: 'files',
          region: 'eu-central-1',
          prefix: 'whatsapp/',
          accessKeyId: 'id',
          secretAccessKey: 'secret',
        },
      },
      retention: {
        messagesMs: 14 * dayMs,
        eventsMs: 3 * dayMs,
        eventsMax: 1_000,
        deliveriesMs: 4 * dayMs,
        historyMs: 5 * dayMs,
        auditMs: 6 * dayMs,
      },
      mediaIn: {
        bytesMax: 1_000,
        urlAllow: ['nas.local', '10.1.0.0/16', 'fd00::/8', '127.0.0.1'],
        linkPreviews: false,
        ffmpeg: { program: '/opt/ffmpeg', searchPath: '/bin:/usr/bin' },
      },
      webhooks: { urlAllow: ['crm.local', '10.2.0.0/16'], attemptDelaysMs: [0, 5_000, 60_000] },
      whatsapp: {
        url,
        noiseRootKey: key,
        mediaCaFile: 'ca.pem',
        version: [2, 3000, 1_043_857_760],
        qrTimeoutMs: 500,
        keepAliveMs: 600_000,
        loginsMax: 1_000,
      },
    } satisfies Config)
  })

  it.each([
    ['PORT', '-1', 'PORT must be a whole number from 0 to 65535'],
    ['PORT', '65536', 'PORT must be a whole number from 0 to 65535'],
    ['PORT', '3000.5', 'PORT must be a whole number from 0 to 65535'],
    ['PORT', '0x50', 'PORT must be a whole number from 0 to 65535'],
    ['PORT', ' 3000', 'PORT must be a whole number from 0 to 65535'],
    ['SANDBOX_PORT', 'many', 'SANDBOX_PORT must be a whole number from 0 to 65535'],
    ['LOG_LEVEL', 'verbose', 'LOG_LEVEL must be debug, info, warn or error'],
    ['LOG_FORMAT', 'xml', 'LOG_FORMAT must be pretty or json'],
    ['DISK_RESERVE_MB', '-1', 'DISK_RESERVE_MB must be a whole number from 0 to 1000000'],
    ['SEND_WAIT_MS', '600001', 'SEND_WAIT_MS must be a whole number from 0 to 600000'],
    ['SEND_WAIT_MS', '15s', 'SEND_WAIT_MS must be a whole number from 0 to 600000'],
    ['PAIRING_TIMEOUT_MS', '999', 'PAIRING_TIMEOUT_MS must be a whole number from 1000 to 86400000'],
    [
      'MEDIA_AUTO_DOWNLOAD',
      'pictures',
      'MEDIA_AUTO_DOWNLOAD must be all, none, or some of image, video, audio, document, sticker with commas between',
    ],
    ['MESSAGES_RETENTION_DAYS', '13', 'MESSAGES_RETENTION_DAYS must be a whole number from 14 to 36500'],
    ['EVENTS_MAX', '999', 'EVENTS_MAX must be a whole number from 1000 to 9007199254740991'],
    ['AUDIT_RETENTION_DAYS', '0', 'AUDIT_RETENTION_DAYS must be a whole number from 1 to 36500'],
    ['MEDIA_RETENTION_DAYS', '0', 'MEDIA_RETENTION_DAYS must be a whole number from 1 to 36500'],
    [
      'MEDIA_S3_PREFIX',
      'a b',
      'MEDIA_S3_PREFIX must be letters, digits and ._-/ with a / at its end, such as whatsapp/',
    ],
    ['WHATSAPP_VERSION', '2.3000', 'WHATSAPP_VERSION must be three numbers, such as 2.3000.1043857760'],
    ['WHATSAPP_VERSION', '2.3000.x', 'WHATSAPP_VERSION must be three numbers, such as 2.3000.1043857760'],
    ['WHATSAPP_QR_TIMEOUT_MS', '1', 'WHATSAPP_QR_TIMEOUT_MS must be a whole number from 500 to 600000'],
    ['MEDIA_MAX_BYTES', '0', 'MEDIA_MAX_BYTES must be a whole number from 1 to 2147483648'],
    [
      'PUBLIC_URL',
      'gateway.example.com',
      'PUBLIC_URL must be an http:// or https:// URL, such as https://gateway.example.com',
    ],
    [
      'WEBHOOK_RETRY_DELAYS',
      '5,0',
      'WEBHOOK_RETRY_DELAYS must be up to 50 whole numbers from 1 to 604800 with commas between: seconds, such as 5,300,1800',
    ],
    [
      'WEBHOOK_URL_ALLOW',
      'http://crm.local',
      'WEBHOOK_URL_ALLOW must be host names, addresses and networks with commas between, such as nas.local,10.1.0.0/16',
    ],
    ['LINK_PREVIEWS', 'yes', 'LINK_PREVIEWS must be on or off'],
    ['WHATSAPP_LOGINS_MAX', '0', 'WHATSAPP_LOGINS_MAX must be a whole number from 1 to 1000'],
    ['WHATSAPP_KEEPALIVE_MS', '499', 'WHATSAPP_KEEPALIVE_MS must be a whole number from 500 to 600000'],
    [
      'WHATSAPP_URL',
      'http://127.0.0.1/',
      'WHATSAPP_URL must be a ws:// or wss:// URL, such as ws://127.0.0.1:3100/ws/chat',
    ],
    [
      'WHATSAPP_URL',
      '127.0.0.1:3100',
      'WHATSAPP_URL must be a ws:// or wss:// URL, such as ws://127.0.0.1:3100/ws/chat',
    ],
  ])('%s is refused as %j, with what it must be', (name, value, problem) => {
    expect(problemsOf({ [name]: value })).toEqual([problem])
  })

  it('MEDIA_AUTO_DOWNLOAD may be all or none', () => {
    expect(readConfig({ MEDIA_AUTO_DOWNLOAD: 'all' }).media.autoFetch.kinds.size).toBe(5)
    expect(readConfig({ MEDIA_AUTO_DOWNLOAD: 'none' }).media.autoFetch.kinds.size).toBe(0)
  })

  it('S3 is described as a whole or not at all', () => {
    expect(problemsOf({ MEDIA_S3_BUCKET: 'files', MEDIA_S3_ACCESS_KEY_ID: 'id' })).toEqual([
      expect.stringContaining('MEDIA_S3_ENDPOINT is missing'),
      expect.stringContaining('MEDIA_S3_SECRET_ACCESS_KEY is missing'),
    ])
  })

  it.each(['http://nas.local', '10.0.0.0/33', 'fd00::/129', 'nas.local/8', '10.0.0.0/8/8', 'a b', '-x'])(
    'MEDIA_URL_ALLOW is refused as %s',
    (value) => {
      expect(problemsOf({ MEDIA_URL_ALLOW: `127.0.0.1,${value}` })).toEqual([
        'MEDIA_URL_ALLOW must be host names, addresses and networks with commas between, such as nas.local,10.1.0.0/16',
      ])
    },
  )

  it.each(['abcd', `${key}00`, 'xy'.repeat(32)])('WHATSAPP_NOISE_ROOT_KEY is refused as %s', (value) => {
    expect(problemsOf({ WHATSAPP_URL: url, WHATSAPP_NOISE_ROOT_KEY: value })).toEqual([
      'WHATSAPP_NOISE_ROOT_KEY must be 32 bytes in hex (64 digits)',
    ])
  })

  const named = (env: Readonly<Record<string, string>>): string[] =>
    problemsOf(env)
      .map((problem) => problem.split(' ')[0] ?? '')
      .toSorted()

  it('that is wrong does not hide the others that are', () => {
    expect(
      named({
        PORT: 'http',
        LOG_LEVEL: 'loud',
        SEND_WAIT_MS: 'long',
        WHATSAPP_VERSION: 'new',
        WHATSAPP_URL: 'ws://example.com',
        WHATSAPP_NOISE_ROOT_KEY: 'short',
      }),
    ).toEqual([
      'LOG_LEVEL',
      'PORT',
      'SEND_WAIT_MS',
      'WHATSAPP_NOISE_ROOT_KEY',
      'WHATSAPP_URL',
      'WHATSAPP_VERSION',
    ])
  })

  it('that is no number does not hide a key and a CA without a server', () => {
    expect(named({ PORT: 'http', WHATSAPP_NOISE_ROOT_KEY: key, WHATSAPP_MEDIA_CA: 'ca.pem' })).toEqual([
      'PORT',
      'WHATSAPP_MEDIA_CA',
      'WHATSAPP_NOISE_ROOT_KEY',
    ])
  })

  it('that is an unknown word does not hide a key and a CA without a server', () => {
    expect(named({ LOG_LEVEL: 'loud', WHATSAPP_NOISE_ROOT_KEY: key, WHATSAPP_MEDIA_CA: 'ca.pem' })).toEqual([
      'LOG_LEVEL',
      'WHATSAPP_MEDIA_CA',
      'WHATSAPP_NOISE_ROOT_KEY',
    ])
  })

  it('of somebody else is no concern of ours', () => {
    expect(problemsOf({ PATH: '/bin', WHATSAPP_URI: 'ws://example.com' })).toEqual([])
  })

  it('is never read back in an error: a value may be a secret', () => {
    expect(problemsOf({ WHATSAPP_URL: url, WHATSAPP_NOISE_ROOT_KEY: 'secret' }).join()).not.toContain(
      'secret',
    )
  })
})

describe('a server in place of WhatsApp', () => {
  it.each([
    'ws://127.0.0.1:3100/ws/chat',
    'wss://localhost/ws/chat',
    'ws://[::1]:3100/ws/chat',
    'ws://127.9.9.9/',
    'ws://127.1/',
  ])('may be at %s', (value) => {
    expect(problemsOf({ WHATSAPP_URL: value })).toEqual([])
  })

  it.each([
    'wss://web.whatsapp.com/ws/chat',
    'ws://example.com',
    'ws://localhost.example.com',
    'ws://127.0.0.1.example.com',
    'ws://127.0.0.1@example.com',
    'ws://0.0.0.0:3100',
    'ws://10.0.0.1',
    'ws://192.168.1.2',
    'ws://169.254.169.254',
    'ws://[::ffff:10.0.0.1]',
    'ws://[fe80::1]',
    'ws://128.0.0.1',
  ])('may not be at %s, since it would read all messages', (value) => {
    const [problem, ...more] = problemsOf({ WHATSAPP_URL: value })
    expect(problem).toMatch(/^WHATSAPP_URL only a loopback address .* reads all messages$/)
    expect(more).toEqual([])
  })

  it.each(['WHATSAPP_NOISE_ROOT_KEY', 'WHATSAPP_MEDIA_CA'])(
    'is what %s is for, and it is refused without one',
    (name) => {
      const value = name === 'WHATSAPP_MEDIA_CA' ? 'ca.pem' : key
      expect(problemsOf({ [name]: value })).toEqual([
        `${name} is refused without WHATSAPP_URL: the real WhatsApp is trusted by its own keys only`,
      ])
      expect(problemsOf({ [name]: value, WHATSAPP_URL: url })).toEqual([])
    },
  )
})
