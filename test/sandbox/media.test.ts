import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { downloadMediaMessage, type SocketConfig, type WAMessage } from '@whiskeysockets/baileys'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { mediaTls } from '../../src/whatsapp/media-tls.ts'
import { type Client, controlOf, linked, login, until } from './client.ts'

const [ana, bob] = ['15559001', '15559002']

let sandbox: Sandbox
let client: Client
let ca: string
/** What makes Baileys trust the media host. */
let trust: Partial<SocketConfig>
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  for (const number of [ana, bob]) await controlOf(sandbox).phone(number)
  ca = await readFile(sandbox.environment['WHATSAPP_MEDIA_CA'] ?? '', 'utf8')
  trust = await mediaTls(ca)
  client = await linked(sandbox, ana)
  await client.close()
  await login(client, trust)
})
afterEach(async () => {
  await controlOf(sandbox).call('DELETE', '/faults')
})
afterAll(async () => {
  await client.close()
  await sandbox.close()
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const jid = (number: string): string => `${number}@s.whatsapp.net`
const fault = (command: object) => controlOf(sandbox).post('/faults', command)

const arrived = async (id: string): Promise<WAMessage> =>
  (await until(id, () => client.received.find(({ message }) => message.key.id === id && message.message)))
    .message

/** A file of a message as Baileys fetches it. */
const fetchedBy = async (message: WAMessage): Promise<Buffer> =>
  downloadMediaMessage<'buffer'>(message, 'buffer', { options: trust.options ?? {} })

/** The file that phones make up for a length. */
const sent = async (
  bytes: number,
  type = 'document',
): Promise<{ id: string; message: WAMessage; sha256: string }> => {
  const control = controlOf(sandbox)
  const id = await control.write(bob, { to: ana, type, media: { bytes } })
  const { media } = (await control.shown(bob, id)).body as unknown as { media: { sha256: string } }
  return {
    id,
    message: await arrived(id),
    sha256: media.sha256,
  }
}

interface HttpAnswer {
  readonly status: number | undefined
  readonly body: Buffer
}

const https = (method: string, url: string, body?: Buffer, headers: Record<string, string> = {}) =>
  new Promise<HttpAnswer>((resolve, reject) => {
    const sending = request(url, { method, ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }))
      response.on('error', reject)
    })
    sending.on('error', reject)
    sending.end(body)
  })

describe('files of a companion', () => {
  test.each([
    ['image', 'image', { mimetype: 'image/png', jpegThumbnail: 'AAAA' }],
    ['video', 'video', { mimetype: 'video/mp4', jpegThumbnail: 'AAAA' }],
    [
      'voice',
      'audio',
      { mimetype: 'audio/ogg; codecs=opus', ptt: true, seconds: 3, waveform: new Uint8Array([1]) },
    ],
    ['document', 'document', { mimetype: 'application/pdf', fileName: 'bill.pdf' }],
    ['sticker', 'sticker', { mimetype: 'image/webp' }],
  ])('a %s is uploaded, and phones fetch, check and show it', async (type, member, more) => {
    const bytes = randomBytes(70_000)
    const message = await client.socket.sendMessage(jid(bob), { [member]: bytes, ...more } as never)
    for (const number of [bob, ana]) {
      const shown = await controlOf(sandbox).shown(number, message?.key.id ?? '')
      expect(shown.problems).toBeUndefined()
      expect(shown.body).toMatchObject({
        type,
        mimetype: more.mimetype,
        media: { sha256: sha256(bytes), bytes: bytes.length },
      })
    }
  })

  test.each([
    ['mediaKey', 'the MAC of the file is wrong'],
    ['fileSha256', 'fileSha256 is of other bytes'],
    ['fileEncSha256', 'fileEncSha256 is of other bytes'],
    ['directPath', 'there is nothing at its direct path'],
  ])('that a message names by a wrong %s is not shown', async (member, error) => {
    const { message } = await sent(1000)
    const document = { ...message.message?.documentMessage }
    const wrong = member === 'directPath' ? '/v/nothing' : randomBytes(32)
    const id = await client.socket.relayMessage(
      jid(bob),
      { documentMessage: { ...document, [member]: wrong } },
      {},
    )
    const { body } = await controlOf(sandbox).shown(bob, id)
    expect(body?.['media']).toEqual({ error })
  })
})

describe('files of a phone', () => {
  test.each(['image', 'video', 'voice', 'document', 'sticker'])('a companion fetches a %s', async (type) => {
    const file = await sent(100_000, type)
    expect(sha256(await fetchedBy(file.message))).toBe(file.sha256)
  })

  test('that have expired are uploaded again when a companion asks', async () => {
    const { message, sha256: right } = await sent(5000)
    expect((await fault({ kind: 'media-expired' })).body['affected']).toBeGreaterThan(0)
    await expect(fetchedBy(message)).rejects.toMatchObject({ output: { statusCode: 410 } })
    const before = message.message?.documentMessage?.directPath
    const updated = await client.socket.updateMediaMessage(message)
    expect(updated.message?.documentMessage?.directPath).not.toBe(before)
    expect(sha256(await fetchedBy(updated))).toBe(right)
    expect((await controlOf(sandbox).stats())['mediaRetries']).toBe(1)
  })

  test('of a message that is deleted are not uploaded again', async () => {
    const { id, message } = await sent(5000)
    await controlOf(sandbox).write(bob, { to: ana, type: 'delete', messageId: id })
    await until('the deletion', async () => (await controlOf(sandbox).shown(ana, id)).deletedBy)
    await expect(client.socket.updateMediaMessage(message)).rejects.toMatchObject({
      output: { statusCode: 404 },
    })
  })
})

describe('the media host', () => {
  const host = async (): Promise<{ base: string; auth: string }> => {
    const { hosts, auth } = await client.socket.refreshMediaConn(true)
    return { base: `https://${hosts[0]?.hostname}`, auth: encodeURIComponent(auth) }
  }
  const upload = async (bytes: Buffer, { auth, token }: { auth?: string; token?: string } = {}) => {
    const media = await host()
    const name = token ?? createHash('sha256').update(bytes).digest('base64url')
    return https('POST', `${media.base}/mms/image/${name}?auth=${auth ?? media.auth}&token=${name}`, bytes)
  }
  const uploaded = async (bytes: Buffer): Promise<string> => {
    const { base } = await host()
    const answer = JSON.parse(String((await upload(bytes)).body)) as { direct_path: string; url: string }
    expect(answer.url).toBe(`${base}${answer.direct_path}`)
    return answer.url
  }

  test('gives what it took, in parts too', async () => {
    const bytes = randomBytes(3000)
    const url = await uploaded(bytes)
    expect(await https('GET', url)).toEqual({ status: 200, body: bytes })
    const part = await https('GET', url, undefined, { range: 'bytes=16-31' })
    expect(part).toEqual({ status: 206, body: bytes.subarray(16, 32) })
    expect((await https('GET', url, undefined, { range: 'bytes=3000-' })).status).toBe(416)
  })

  test.each([
    ['right', randomBytes(100), 200],
    ['wrong', randomBytes(100), 403],
  ])('checks a hash that is asked for: %s', async (which, bytes, status) => {
    const url = await uploaded(bytes)
    const hashed = which === 'right' ? bytes : randomBytes(10)
    const hash = createHash('sha256').update(hashed).digest('base64url')
    expect((await https('GET', `${url}&hash=${hash}&mms-type=image`)).status).toBe(status)
  })

  test('refuses what is not what its token says, and who has no pass', async () => {
    const bytes = randomBytes(100)
    const token = createHash('sha256').update('other').digest('base64url')
    expect((await upload(bytes, { token })).status).toBe(400)
    expect((await upload(bytes, { auth: 'none' })).status).toBe(401)
    const { base } = await host()
    expect((await https('GET', `${base}/v/nothing`)).status).toBe(404)
    expect((await https('DELETE', base)).status).toBe(405)
  })

  test('refuses what is larger than 2 GB before it is sent', async () => {
    const { base, auth } = await host()
    const token = createHash('sha256').update('large').digest('base64url')
    const path = `/mms/document/${token}?auth=${auth}&token=${token}`
    const headers = { 'content-length': String(2 * 1024 ** 3 + 1) }
    const status = await new Promise((resolve, reject) => {
      const sending = request(`${base}${path}`, { method: 'POST', ca, headers, agent: false }, (response) => {
        resolve(response.statusCode)
        sending.destroy()
      })
      sending.on('error', reject)
      sending.flushHeaders()
    })
    expect(status).toBe(413)
  })

  test('takes no pass any more once they have ended, until a client asks for another', async () => {
    const { auth } = await host()
    await fault({ kind: 'media-auth' })
    expect((await upload(randomBytes(10), { auth })).status).toBe(401)
    expect((await upload(randomBytes(10))).status).toBe(200)
  })

  test.each([404, 410])('says %i of what has expired', async (status) => {
    const url = await uploaded(randomBytes(10))
    const kept = await uploaded(randomBytes(10))
    const { pathname, search } = new URL(url)
    const path = `${pathname}${search}`
    expect((await fault({ kind: 'media-expired', path, status })).body['affected']).toBe(1)
    expect((await https('GET', url)).status).toBe(status)
    expect((await https('GET', kept)).status).toBe(200)
  })

  test('refuses uploads and downloads as often as it is told', async () => {
    const bytes = randomBytes(10)
    await fault({ kind: 'media-upload', status: 507 })
    expect((await upload(bytes)).status).toBe(507)
    const url = await uploaded(bytes)
    await fault({ kind: 'media-download' })
    expect((await https('GET', url)).status).toBe(503)
    expect((await https('GET', url)).status).toBe(200)
  })

  test('gives a wrong byte once', async () => {
    const bytes = randomBytes(10)
    const url = await uploaded(bytes)
    await fault({ kind: 'media-corrupt' })
    const wrong = (await https('GET', url)).body
    expect(wrong).toHaveLength(bytes.length)
    expect(wrong.equals(bytes)).toBe(false)
    expect((await https('GET', url)).body).toEqual(bytes)
  })

  test('is slow when it is told to', async () => {
    const bytes = randomBytes(64 * 1024)
    const url = await uploaded(bytes)
    await fault({ kind: 'media-slow', ms: 50 })
    const begun = performance.now()
    expect((await https('GET', url)).body).toEqual(bytes)
    expect(performance.now() - begun).toBeGreaterThan(150)
  })
})
