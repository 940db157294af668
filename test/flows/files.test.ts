/** Files over the real wire: a phone's to the API, and from there to another phone. */
import { createHash, randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { World, type PhoneMessage } from './world.ts'

let world: World
const [own, alice, bob] = ['15550811', '15550812', '15550813']
const mib = 1024 * 1024
beforeAll(async () => {
  world = await World.withGateway()
  await world.createPhone(alice)
  await world.createPhone(bob)
  await world.link('dev', own)
}, 90_000)
afterAll(() => closePromised(world))

interface Received {
  readonly id: string
  readonly whatsappId: string
  readonly body: {
    readonly media: { readonly uploadId: string; readonly sha256: string; readonly bytes: number }
  }
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const sendFile = (bytes: Buffer, more: object = {}): Promise<string> =>
  world.phoneSend(alice, {
    to: `${own}@s.whatsapp.net`,
    type: 'document',
    media: { base64: bytes.toString('base64') },
    mimetype: 'application/pdf',
    filename: 'bill.pdf',
    ...more,
  })

const received = (whatsappId: string): Promise<Received> =>
  eventually('the message is there', async () =>
    ((await world.messages('dev')) as unknown as Received[]).find((one) => one.whatsappId === whatsappId),
  )

const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${world.apiUrl}${path}`, { headers })
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  }
}

const untilFile = (id: string): Promise<Buffer> =>
  eventually('the file is here', async () => {
    const { status, bytes } = await get(`/api/messages/${id}/media`)
    if (status !== 200) throw new Error(bytes.toString())
    return bytes
  })

const fault = ({ kind, ...more }: { readonly kind: string } & Record<string, unknown>) =>
  world.fault(kind, more)

/** What another phone has of a message, once it has fetched and checked its file. */
const shownTo = (number: string, sha256: string): Promise<PhoneMessage> =>
  eventually('the phone has the file', async () =>
    (await world.phoneMessages(number)).find(
      ({ body }) => (body?.['media'] as { sha256?: string } | undefined)?.sha256 === sha256,
    ),
  )

describe('a file that a phone has sent', () => {
  test('is here soon after, whole and in parts, and goes on to another phone', async () => {
    const bytes = randomBytes(300_000)
    const { id, body } = await received(await sendFile(bytes))
    expect(body).toMatchObject({
      type: 'document',
      filename: 'bill.pdf',
      media: { sha256: hash(bytes), bytes: bytes.length },
    })
    expect((await untilFile(id)).equals(bytes)).toBe(true)
    const part = await get(`/api/messages/${id}/media`, { range: 'bytes=100-199' })
    expect([part.status, part.bytes.equals(bytes.subarray(100, 200))]).toEqual([206, true])
    expect(part.headers.get('content-disposition')).toBe('attachment; filename="bill.pdf"')

    const uploads = (await world.stats())['mediaUploads']
    for (const _ of [1, 2]) {
      const sent = await world.api('POST', `/api/messages/${id}/forward`, { to: bob })
      expect(sent.status).toBe(200)
    }
    expect((await shownTo(bob, hash(bytes))).body).toMatchObject({ type: 'document', filename: 'bill.pdf' })
    await eventually('both are there', async () => {
      const files = (await world.phoneMessages(bob)).filter(({ type }) => type === 'document')
      return files.length === 2
    })
    expect((await world.stats())['mediaUploads']).toBe((uploads ?? 0) + 1)
  })

  test('is fetched again when it comes damaged, or the media host fails', async () => {
    await fault({ kind: 'media-corrupt', count: 1 })
    const first = randomBytes(5_000)
    const damaged = await received(await sendFile(first))
    expect((await untilFile(damaged.id)).equals(first)).toBe(true)

    await fault({ kind: 'media-download', status: 500, count: 1 })
    const second = randomBytes(5_000)
    const failed = await received(await sendFile(second))
    expect((await untilFile(failed.id)).equals(second)).toBe(true)
  })

  test('is asked for from the phone when the media host has it no more', async () => {
    const bytes = randomBytes(5_000)
    const { id, body } = await received(await sendFile(bytes))
    await untilFile(id)
    await fault({ kind: 'media-expired', status: 404 })
    expect((await world.api('DELETE', `/api/media/${body.media.uploadId}`)).status).toBe(200)
    expect((await get(`/api/messages/${id}/media`)).status).toBe(410)
    expect((await world.api('POST', `/api/messages/${id}/media/retry`)).status).toBe(202)
    expect((await untilFile(id)).equals(bytes)).toBe(true)
  })

  test('comes after all when the gateway is killed meanwhile', async () => {
    await fault({ kind: 'media-slow', ms: 1_500 })
    const bytes = randomBytes(4 * mib)
    const { id } = await received(await sendFile(bytes))
    world.gateway.kill('SIGKILL')
    await fault({ kind: 'media-slow', ms: 0 })
    await world.startGateway()
    await world.untilStatus('dev', 'connected', 60_000)
    expect((await untilFile(id)).equals(bytes)).toBe(true)
  })
})

describe('a file that is sent', () => {
  const upload = async (bytes: Buffer): Promise<string> => {
    const response = await fetch(`${world.apiUrl}/api/media?filename=bill.pdf`, {
      method: 'POST',
      headers: { 'content-type': 'application/pdf' },
      body: new Uint8Array(bytes),
    })
    const { uploadId } = (await response.json()) as { readonly uploadId: string }
    return uploadId
  }
  const send = (uploadId: string, more: object = {}) =>
    world.api('POST', '/api/devices/dev/messages', {
      to: bob,
      type: 'document',
      media: { uploadId },
      ...more,
    })

  test('arrives whole, and is uploaded once for all messages that it goes with at the same time', async () => {
    const bytes = randomBytes(2 * mib)
    const uploadId = await upload(bytes)
    const before = (await world.stats())['mediaUploads'] ?? 0
    const answers = await Promise.all([bob, alice, bob, alice].map((to) => send(uploadId, { to })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    for (const phone of [alice, bob]) {
      expect((await shownTo(phone, hash(bytes))).body).toMatchObject({ filename: 'bill.pdf' })
    }
    expect((await world.stats())['mediaUploads']).toBe(before + 1)
  })

  test('gets through when its pass was withdrawn, and when the media host fails for a while', async () => {
    await send(await upload(randomBytes(100)))
    await fault({ kind: 'media-auth' })
    const first = randomBytes(1_000)
    expect((await send(await upload(first))).status).toBe(200)
    await fault({ kind: 'media-upload', status: 503, count: 1 })
    const second = randomBytes(1_000)
    expect((await send(await upload(second))).status).toBe(200)
    for (const bytes of [first, second]) await shownTo(bob, hash(bytes))
  })

  test('fails for good, and says why, when its bytes are gone', async () => {
    const uploadId = await upload(randomBytes(1_000))
    const [row] = world.query<{ sha256: string }>('select sha256 from media where id = ?', uploadId)
    const { sha256 = '' } = row ?? {}
    await rm(path.join(world.dataDir, 'media', sha256.slice(0, 2), sha256.slice(2, 4), sha256))
    const answer = await send(uploadId)
    expect(answer.status).toBe(502)
    expect(answer.body).toMatchObject({ message: { code: 'media_missing' } })
  })
})
