import { describe, expect, it } from 'vitest'
import { classifyClose, type Disposition, reasonText, type SocketClose } from '../../src/domain/disconnect.ts'

const textOf = (disposition: Disposition): string => {
  const { kind, reason } = disposition
  if (disposition.kind === 'wait') return `${kind} ${disposition.ms} ${reason}`
  return disposition.kind === 'retry' && disposition.slow ? `slow ${kind} ${reason}` : `${kind} ${reason}`
}

const classify = (
  close: Partial<SocketClose>,
  { paired = true, replacements = 0 }: { paired?: boolean; replacements?: number } = {},
): string =>
  textOf(classifyClose({ origin: 'session', code: null, message: '', ...close }, { paired, replacements }))

describe('a close with a code from inside the session', () => {
  // code, before pairing, after pairing
  const table = [
    [515, 'reconnect restart_required', 'reconnect restart_required'],
    [408, 'retry connection_lost', 'retry connection_lost'],
    [428, 'retry connection_lost', 'retry connection_lost'],
    [500, 'retry server_error', 'retry server_error'],
    [503, 'retry server_error', 'retry server_error'],
    [401, 'reset credentials_reset', 'unlinked logged_out'],
    [403, 'halt account_locked', 'unlinked account_locked'],
    [406, 'halt banned', 'unlinked banned'],
    [402, 'wait 3600000 temporarily_banned', 'wait 3600000 temporarily_banned'],
    [405, 'halt client_outdated', 'halt client_outdated'],
    [409, 'halt refused', 'halt refused'],
    [411, 'halt phone_app_too_old', 'halt phone_app_too_old'],
    [413, 'halt refused', 'halt refused'],
    [414, 'halt refused', 'halt refused'],
    [415, 'halt refused', 'halt refused'],
    [416, 'halt refused', 'halt refused'],
    [417, 'halt refused', 'halt refused'],
    [418, 'halt refused', 'halt refused'],
    [501, 'halt refused', 'halt refused'],
    [440, 'slow retry replaced', 'slow retry replaced'],
    [599, 'retry server_error', 'retry server_error'],
    [null, 'retry server_error', 'retry server_error'],
  ] as const

  it.each(table)('%s means, before the device is paired: %s, and after: %s', (code, before, after) => {
    expect(classify({ code }, { paired: false })).toBe(before)
    expect(classify({ code }, { paired: true })).toBe(after)
  })

  it('440 again means that a person must act', () => {
    expect(classify({ code: 440 }, { replacements: 1 })).toBe('halt replaced')
    expect(classify({ code: 440 }, { replacements: 7 })).toBe('halt replaced')
  })

  it('402 means a wait as long as WhatsApp says', () => {
    expect(classify({ code: 402, expiresInSeconds: 90 })).toBe('wait 90000 temporarily_banned')
  })
})

describe('a close on the way to WhatsApp', () => {
  const codes = [401, 402, 403, 404, 405, 406, 409, 411, 413, 418, 429, 440, 500, 501, 502, 503, 515, null]

  it.each(codes)('with %s is tried again, paired or not', (code) => {
    for (const paired of [true, false]) {
      expect(classify({ origin: 'transport', code, message: 'WebSocket Error' }, { paired })).toBe(
        'retry connect_failed',
      )
    }
  })

  it('tells a connection that was lost from one that was never made', () => {
    expect(classify({ origin: 'transport', code: 428, message: 'Connection Terminated' })).toBe(
      'retry connection_lost',
    )
    expect(classify({ origin: 'transport', code: 408, message: 'Connection was lost' })).toBe(
      'retry connection_lost',
    )
    expect(classify({ origin: 'transport', code: 408, message: 'ETIMEDOUT' })).toBe('retry connect_failed')
  })
})

describe('a close by the client itself', () => {
  it.each([401, 403, 406, 408, 440, 515, null])('with %s is a lost connection', (code) => {
    expect(classify({ origin: 'client', code })).toBe('retry connection_lost')
  })
})

describe('the words for the reasons', () => {
  it('are there for each reason, differ, and begin in lower case or with a name', () => {
    const texts = Object.values(reasonText)
    expect(new Set(texts).size).toBe(texts.length)
    for (const text of texts) expect(text).toMatch(/^([a-z]|WhatsApp)/)
  })
})
