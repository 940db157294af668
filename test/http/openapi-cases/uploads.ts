import { type Answer, type Api, linked } from '../api.ts'
import { after, type Case, id, of, start } from './frame.ts'

const type = 'multipart/form-data; boundary=b'
const async202 = { prefer: 'respond-async' }

/** A form as curl writes it. */
const form = (file: string | null, fields: Readonly<Record<string, string>> = {}): string => {
  const parts = Object.entries(fields).map(([name, value]) => `name="${name}"\r\n\r\n${value}`)
  const all = file === null ? parts : [...parts, `name="file"; filename="a.txt"\r\n\r\n${file}`]
  return `${all.map((part) => `--b\r\nContent-Disposition: form-data; ${part}\r\n`).join('')}--b--\r\n`
}

const upload = (api: Api, body: string, query = ''): Promise<Answer> =>
  api.request('POST', `/api/media${query}`, { headers: { 'content-type': type }, body })

const send = (api: Api, body: string, headers: Record<string, string> = {}): Promise<Answer> =>
  api.request('POST', `${id}/send-media`, { headers: { 'content-type': type, ...headers }, body })

const tooLarge = 'x'.repeat(2_000_001)
const hello = form('hello', { to: '1234567890' })
const settled = (state: 'sent' | 'failed') =>
  after(linked, (api) => {
    const error = { code: 'nack_463', detail: 'no' }
    api.connector.keepSettling(
      'myphone',
      state === 'sent' ? { state, at: api.clock.now() } : { state, error },
    )
    return send(api, hello)
  })

export const uploadCases: readonly Case[] = [
  of('uploadMedia', 201, (api) => upload(api, form('hello'))),
  of('uploadMedia', 400, (api) => upload(api, form(null))),
  of('uploadMedia', 413, (api) => upload(api, form(tooLarge))),
  of('uploadMedia', 422, (api) => upload(api, form('hello'), '?type=image')),
  of('sendMedia', 200, settled('sent')),
  of(
    'sendMedia',
    202,
    after(linked, (api) => send(api, hello, async202)),
  ),
  of(
    'sendMedia',
    400,
    after(linked, (api) => send(api, form(null, { to: '1' }))),
  ),
  of('sendMedia', 404, (api) => send(api, hello)),
  of(
    'sendMedia',
    409,
    after(start, (api) => send(api, hello)),
  ),
  of(
    'sendMedia',
    413,
    after(linked, (api) => send(api, form(tooLarge))),
  ),
  of('sendMedia', 415, (api) => api.post(`${id}/send-media`, { to: '1' })),
  of(
    'sendMedia',
    422,
    after(linked, (api) => send(api, form('hello'))),
  ),
  of('sendMedia', 502, settled('failed')),
]
