import { describe, expect, it } from 'vitest'
import { alice, aliceLid, bob, deviceId, enqueue, t0, useWorld, type OpenStores } from './fixtures.ts'

export const describeChats = (open: OpenStores): void => {
  describe('chats.read', () => {
    const world = useWorld(open)
    const chat = alice.pn ?? ''
    const readAll = async (
      of: string,
      limit: number,
      between: () => Promise<unknown> = async () => undefined,
    ) => {
      const end = await world.other.chats.end()
      const pages: string[][] = []
      let cursor: string | undefined
      do {
        const page = await world.other.chats.read(
          { deviceId, chat: of, end },
          { limit, ...(cursor === undefined ? {} : { cursor }) },
        )
        pages.push(page.items.map(({ id }) => id))
        cursor = page.nextCursor ?? undefined
        await between()
      } while (cursor !== undefined)
      return pages
    }

    it('gives the messages of one chat of one device, oldest first, page by page', async () => {
      for (const [id, at] of [
        ['A2', 2],
        ['A1', 1],
        ['A3', 2],
        ['A5', 9],
        ['A4', 3],
      ] as const) {
        await enqueue(world.store, id, {}, t0 + at)
      }
      await enqueue(world.store, 'B1', { chat: bob }, t0 + 2)
      await enqueue(world.store, 'X1', { deviceId: 'b' }, t0 + 2)
      expect(await readAll(chat, 2)).toEqual([['A1', 'A2'], ['A3', 'A4'], ['A5']])
      expect(await readAll(chat, 5)).toEqual([['A1', 'A2', 'A3', 'A4', 'A5']])
      expect(await readAll(bob.pn ?? '', 1)).toEqual([['B1']])
      expect(await readAll('1@s.whatsapp.net', 1)).toEqual([[]])
    })

    it('knows a chat by its LID too', async () => {
      await enqueue(world.store, 'A1', { chat: { pn: alice.pn, lid: aliceLid } })
      await enqueue(world.store, 'A2', { chat: { pn: null, lid: aliceLid } })
      expect(await readAll(aliceLid, 5)).toEqual([['A1', 'A2']])
    })

    it('has what was there when it began, once, whatever comes meanwhile and whatever the clock says', async () => {
      for (const id of ['A1', 'A2', 'A3']) await enqueue(world.store, id, {}, t0)
      let n = 0
      const between = () => enqueue(world.store, `N${++n}`, {}, n % 2 === 0 ? t0 - 5 : t0 + 5)
      expect(await readAll(chat, 1, between)).toEqual([['A1'], ['A2'], ['A3']])
    })

    it('of an empty store is empty', async () => {
      expect(await world.other.chats.end()).toBe(0)
      expect(await readAll(chat, 1)).toEqual([[]])
    })
  })
}
