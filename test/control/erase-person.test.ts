import { describe, expect, it } from 'vitest'
import { erasePerson } from '../../src/control/erase-person.ts'
import { info } from '../connector/media.ts'
import { createApi, linked } from '../http/api.ts'
import { putBytes } from '../media/memory-blobs.ts'
import { apiOrigin, account } from './world.ts'

const eva = '4915559876543'
const bob = '491522222222'

const createGateway = async () => {
  const api = await createApi()
  await linked(api)
  // Files that were put just now would wait for the next sweep.
  api.clock.wallMs = Date.now() + 60 * 60 * 1_000
  const send = async (to: string, uploadId: string): Promise<void> => {
    await api.post(
      '/api/devices/myphone/messages',
      { to, type: 'document', media: { uploadId } },
      { prefer: 'respond-async' },
    )
    await api.connector.ack('myphone')
  }
  const upload = async (id: string, text: string): Promise<string> => {
    const sha256 = await putBytes(api.ctx.blobs, Buffer.from(text))
    const file = { ...info, id, deviceId: null, source: 'base64', sha256, bytes: text.length } as const
    await api.store.media.add(file, apiOrigin, api.clock.now())
    return sha256
  }
  return { ...api, send, upload, erase: (person: string) => erasePerson(api.ctx, { person }) }
}

describe('an erasure', () => {
  it('takes the files that nobody else has', async () => {
    const { send, upload, erase, ctx, store } = await createGateway()
    const [own, shared] = [await upload('med_own', 'only for Eva'), await upload('med_shared', 'for both')]
    await send(eva, 'med_own')
    await send(eva, 'med_shared')
    await send(bob, 'med_shared')
    const { erased, left } = await erase(`+${eva}`)
    expect(erased).toMatchObject({ messages: 2 })
    expect(left).toEqual({})
    expect(await store.media.get('med_own')).toBeUndefined()
    expect(await ctx.blobs.size(own)).toBeUndefined()
    expect(await store.media.get('med_shared')).toMatchObject({ state: 'stored' })
    expect(await ctx.blobs.size(shared)).toBeGreaterThan(0)
  })

  it('of somebody whom nothing names says so, and so does a second one', async () => {
    const { send, upload, erase } = await createGateway()
    await expect(erase(eva)).rejects.toMatchObject({ code: 'person_not_found' })
    await upload('med_own', 'only for Eva')
    await send(eva, 'med_own')
    await erase(eva)
    await expect(erase(eva)).rejects.toMatchObject({ code: 'person_not_found' })
  })

  it('of an own account, a group or nonsense is refused', async () => {
    const { erase } = await createGateway()
    for (const own of [account.pn, account.lid]) {
      await expect(erase(own)).rejects.toMatchObject({
        code: 'person_is_ours',
        message: expect.stringContaining('myphone'),
      })
    }
    for (const person of ['120363000000000001@g.us', 'Eva', '']) {
      await expect(erase(person)).rejects.toMatchObject({ code: 'invalid_recipient' })
    }
  })
})
