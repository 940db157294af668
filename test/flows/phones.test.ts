/** What phones and WhatsApp do that a gateway must live with, beyond connections: test/flows/faults.test.ts has those. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { eventually } from './processes.ts'
import { closePromised } from './promised.ts'
import { type MessageBody, World } from './world.ts'

let world: World
const [number, friend] = ['15550601', '15550699']
beforeAll(async () => {
  world = await World.withGateway()
  await world.createPhone(friend)
  await world.link('dev', number)
}, 90_000)
afterEach(() => world.clearFaults())
afterAll(() => closePromised(world))

const inApi = (whatsappId: string): Promise<MessageBody> =>
  eventually(`${whatsappId} is in the API`, async () =>
    (await world.messages('dev')).find((message) => message.whatsappId === whatsappId),
  )

test('a message that cannot be read at first is there once, when the phone has sent it again', async () => {
  const before = await world.stats()
  await world.fault('garble', { device: number })
  const id = await world.phoneSend(friend, { to: number, type: 'location', latitude: 1, longitude: 2 })
  await eventually('it is readable', async () => (await inApi(id)).type === 'location')
  expect((await world.messages('dev')).filter(({ whatsappId }) => whatsappId === id)).toHaveLength(1)
  const after = await world.stats()
  expect((after['resentByPhones'] ?? 0) - (before['resentByPhones'] ?? 0)).toBe(1)
})

/** Resolves with the SHA-256 of a file that came, once the gateway has it. */
const storedFile = (id: string): Promise<string> =>
  eventually(
    'the file is there',
    () => {
      const rows = world.query<{ state: string; sha256: string }>(
        'select state, sha256 from media where message_id = ?',
        id,
      )
      return rows[0]?.state === 'stored' && rows[0].sha256
    },
    60_000,
  )

test.each([
  ['gives it', undefined, { mediaDownloads: 1, mediaRetries: 0 }],
  [
    'has it no more, and the phone uploads it again',
    { kind: 'media-download', status: 410 },
    { mediaRetries: 1 },
  ],
  ['gives a wrong byte', { kind: 'media-corrupt' }, { mediaRetries: 0 }],
  ['fails once', { kind: 'media-download', status: 503 }, { mediaRetries: 0 }],
])(
  'a file that comes is the one that the phone sent, where the media host %s',
  async (_what, fault, counted) => {
    const before = await world.stats()
    if (fault !== undefined) await world.fault(fault.kind, fault)
    const sent = await world.phoneSend(friend, {
      to: number,
      type: 'document',
      media: { bytes: 70_000 },
      filename: 'a',
    })
    const { body } = await world.phoneShows(friend, sent)
    const sha256 = await storedFile((await inApi(sent)).id)
    expect(body?.['media']).toMatchObject({ sha256, bytes: 70_000 })
    const after = await world.stats()
    for (const [name, count] of Object.entries(counted)) {
      expect({ [name]: (after[name] ?? 0) - (before[name] ?? 0) }).toEqual({ [name]: count })
    }
  },
)

test('a restricted account says so, and is free when WhatsApp says that', async () => {
  const shown = async (): Promise<string> => {
    const { status, reason } = (await world.api('GET', '/api/devices/dev')).body as Record<string, string>
    return `${status}, ${reason}`
  }
  await world.fault('restrict', { device: number, seconds: 3_600 })
  await eventually('it says so', async () => (await shown()) === 'connected, restricted')
  await world.fault('restrict', { device: number, seconds: 0 })
  await eventually('it is free', async () => (await shown()) === 'connected, opened')
})
