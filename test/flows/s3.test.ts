/** A gateway that keeps its files in S3. */
import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newFolder } from '../media/folder.ts'
import { s3Bucket, s3Keys, type S3Server, startS3 } from '../media/s3-server.ts'
import { eventually } from './processes.ts'
import { World } from './world.ts'

let s3: S3Server
let world: World
const [own, alice] = ['15550821', '15550822']
beforeAll(async () => {
  s3 = await startS3(newFolder())
  world = await World.withGateway({
    MEDIA_S3_ENDPOINT: s3.endpoint,
    MEDIA_S3_BUCKET: s3Bucket,
    MEDIA_S3_PREFIX: 'whatsapp/',
    MEDIA_S3_ACCESS_KEY_ID: s3Keys.accessKeyId,
    MEDIA_S3_SECRET_ACCESS_KEY: s3Keys.secretAccessKey,
  })
  await world.createPhone(alice)
  await world.link('dev', own)
}, 90_000)
afterAll(async () => {
  await world.close()
  await s3.stop()
})

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const read = async (route: string, headers: Record<string, string> = {}): Promise<Buffer> => {
  const response = await fetch(`${world.apiUrl}${route}`, { headers })
  if (!response.ok) throw new Error(await response.text())
  return Buffer.from(await response.arrayBuffer())
}

test('files that come and go are in the bucket, and nothing of them stays in the data folder', async () => {
  const received = randomBytes(100_000)
  await world.phoneSend(alice, {
    to: `${own}@s.whatsapp.net`,
    type: 'document',
    filename: 'in.bin',
    mimetype: 'application/octet-stream',
    media: { base64: received.toString('base64') },
  })
  const id = await eventually('the message is there', async () => (await world.messages('dev'))[0]?.id)
  const route = `/api/messages/${id}/media`
  expect((await eventually('the file is here', () => read(route))).equals(received)).toBe(true)
  expect((await read(route, { range: 'bytes=5-9' })).equals(received.subarray(5, 10))).toBe(true)

  const sent = randomBytes(200_000)
  const answer = await fetch(`${world.apiUrl}/api/media?filename=out.bin`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array(sent),
  })
  const { uploadId } = (await answer.json()) as { readonly uploadId: string }
  const body = { to: alice, type: 'document', media: { uploadId } }
  expect((await world.api('POST', '/api/devices/dev/messages', body)).status).toBe(200)
  await eventually('the phone has the file', async () =>
    (await world.phoneMessages(alice)).find(
      ({ body: shown }) => (shown?.['media'] as { sha256?: string } | undefined)?.sha256 === hash(sent),
    ),
  )
  for (const bytes of [received, sent]) {
    expect(
      s3.requests.some((line) => line.startsWith(`PUT /${s3Bucket}/whatsapp/`) && line.includes(hash(bytes))),
    ).toBe(true)
  }
  expect(await readdir(path.join(world.dataDir, 'media'))).toEqual(['spool'])
  expect(await readdir(path.join(world.dataDir, 'media', 'spool'))).toEqual([])
})
