import { createRequire } from 'node:module'
import { getErrorCodeFromStreamError } from '@whiskeysockets/baileys'
import { expect, test } from 'vitest'
import { readClose } from '../../src/whatsapp/close.ts'

type BoomClass = new (message: string, options: { statusCode?: number; data?: unknown }) => Error

/** What Baileys ends its sockets with; it is a dependency of Baileys, not of ours. */
const { Boom } = createRequire(import.meta.resolve('@whiskeysockets/baileys'))('@hapi/boom') as {
  Boom: BoomClass
}

/** As `CB:stream:error` does it. */
const streamError = (
  attrs: Record<string, string>,
  child: string,
  childAttrs: Record<string, string> = {},
) => {
  const node = { tag: 'stream:error', attrs, content: [{ tag: child, attrs: childAttrs }] }
  const { reason, statusCode } = getErrorCodeFromStreamError(node)
  return new Boom(`Stream Errored (${reason})`, { statusCode, data: node.content[0] })
}

/** As `CB:failure` does it. */
const failure = (attrs: Record<string, string>) =>
  new Boom('Connection Failure', { statusCode: Number(attrs['reason'] ?? 500), data: attrs })

test.each<[string, Error, number]>([
  ['a restart is asked for (515)', streamError({ code: '515' }, 'x'), 515],
  [
    'the device was unlinked (401)',
    streamError({ code: '401' }, 'conflict', { type: 'device_removed' }),
    401,
  ],
  ['someone else uses the credentials (440)', streamError({}, 'conflict', { type: 'replaced' }), 440],
  ['the stream broke (503)', streamError({ code: '503' }, 'x'), 503],
  ['an error without a code (500)', streamError({}, 'xml-not-well-formed'), 500],
  ['the login is refused (401)', failure({ reason: '401', location: 'rva' }), 401],
  ['the account is locked (403)', failure({ reason: '403' }), 403],
  ['the client is too old (405)', failure({ reason: '405' }), 405],
  ['the account is banned (406)', failure({ reason: '406' }), 406],
  ['refused (409)', failure({ reason: '409' }), 409],
  ['refused (413)', failure({ reason: '413' }), 413],
  ['refused (414)', failure({ reason: '414' }), 414],
  ['refused (415)', failure({ reason: '415' }), 415],
  ['refused (418)', failure({ reason: '418' }), 418],
  ['refused (501)', failure({ reason: '501' }), 501],
  ['a failure without a reason (500)', failure({}), 500],
  ['the phone app is too old (411)', new Boom('Multi-device beta not joined', { statusCode: 411 }), 411],
])('from inside the session: %s', (_, error, code) => {
  expect(readClose(error)).toEqual({ origin: 'session', code, message: error.message })
})

test('a temporary ban says how long it lasts, unless WhatsApp does not', () => {
  expect(readClose(failure({ reason: '402', code: '104', expire: '3600' }))).toMatchObject({
    origin: 'session',
    code: 402,
    expiresInSeconds: 3600,
  })
  for (const expire of ['soon', '-5']) {
    expect(readClose(failure({ reason: '402', expire }))).not.toHaveProperty('expiresInSeconds')
  }
  expect(readClose(failure({ reason: '402' }))).not.toHaveProperty('expiresInSeconds')
})

test.each<[string, Error, number | null]>([
  ['the server closed', new Boom('Connection Terminated', { statusCode: 428 }), 428],
  ['the server said so', new Boom('Connection Terminated by Server', { statusCode: 428 }), 428],
  ['a write on a closed socket', new Boom('Connection Closed', { statusCode: 428 }), 428],
  ['a refused connection', new Boom('WebSocket Error (connect ECONNREFUSED)', { statusCode: 408 }), 408],
  [
    'a proxy that says 401',
    new Boom('WebSocket Error (Unexpected server response: 401)', { statusCode: 401 }),
    401,
  ],
  [
    'a proxy that says 403',
    new Boom('WebSocket Error (Unexpected server response: 403)', { statusCode: 403 }),
    403,
  ],
  ['our own logout', new Boom('Intentional Logout', { statusCode: 401 }), 401],
  ['an error that is no Boom', new Error('socket hang up'), null],
])('from the path, and never a word about the account: %s', (_, error, code) => {
  expect(readClose(error)).toEqual({ origin: 'transport', code, message: error.message })
})

test.each<[string, unknown, number | null]>([
  ['no sign of life', new Boom('Connection was lost', { statusCode: 408 }), 408],
  ['all QRs were shown', new Boom('QR refs attempts ended', { statusCode: 408 }), 408],
  ['we ended it', undefined, null],
  ['a bare number, as pending calls have it', 1006, null],
  ['null', null, null],
  ['a text', 'gone', null],
])('from the client itself: %s', (_, error, code) => {
  expect(readClose(error)).toMatchObject({ origin: 'client', code })
})
