import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageBody } from '../../../src/domain/body.ts'
import { bodyText } from '../../../src/domain/body.ts'
import { parseSearch } from '../../../src/domain/search.ts'
import type { SearchFilter, Store } from '../../../src/store/store.ts'
import {
  alice,
  aliceLid,
  bob,
  deviceId,
  enqueue,
  incoming,
  origin,
  t0,
  undecryptable,
  useWorld,
  type OpenStores,
} from './fixtures.ts'

interface Asked {
  readonly filter?: SearchFilter
  readonly order?: 'newest' | 'rank'
  readonly limit?: number
  readonly cursor?: string
}

const indexAll = async (store: Store): Promise<void> => {
  while (await store.search.index(2));
}

const page = (store: Store, q: string, { filter = {}, order = 'newest', limit = 100, cursor }: Asked = {}) =>
  store.search.find(parseSearch(q), filter, { order, limit, ...(cursor === undefined ? {} : { cursor }) })

const find = async (store: Store, q: string, asked: Asked = {}): Promise<string[]> =>
  (await page(store, q, asked)).items.map(({ message }) => message.id)

const letters = ['a', 'B', 'ä', 'é', 'ß', '9', '-', "'", ' ', '"', '*', '.', '\n', '👍', '日']
/** The words of a text as unicode61 has them: runs of letters and digits, without case and accents. */
const wordsOf = (text: string): string[] =>
  text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)

export const describeSearch = (open: OpenStores): void => {
  describe('search', () => {
    const world = useWorld(open)
    const write = (id: string, text: string, more: object = {}, now = t0) =>
      enqueue(world.store, id, { text, ...more }, now)
    const receive = (promotion: ReturnType<typeof incoming>, now = t0) =>
      world.store.inbound.promote(world.lease, { deviceId, stanzaKey: 's', promotion }, origin, now)

    it('finds messages by words, phrases, beginnings of words and what is not there, newest first', async () => {
      await write('A1', 'Lunch next week?')
      await write('A2', 'lunch? next year, this week')
      await write('A3', 'LÚNCHBOX')
      await indexAll(world.store)
      const { other } = world
      expect(await find(other, 'lunch')).toEqual(['A2', 'A1'])
      expect(await find(other, 'lunch week')).toEqual(['A2', 'A1'])
      expect(await find(other, '"next week"')).toEqual(['A1'])
      expect(await find(other, 'lunch -year')).toEqual(['A1'])
      expect(await find(other, 'lunch -"next week" -box')).toEqual(['A2'])
      expect(await find(other, 'lun*')).toEqual(['A3', 'A2', 'A1'])
      expect(await find(other, 'nothing')).toEqual([])
    })

    it.each([
      '"',
      '""',
      'a" OR "b',
      'a AND',
      'NEAR(',
      '^a',
      'text:a',
      '{device} : a',
      "a'b",
      'a*b',
      '(((a',
      'a\\',
      '-a b-',
      '+a',
    ])('takes %j for words, not for a language', async (q) => {
      await write('A1', 'a b')
      await indexAll(world.store)
      await expect(find(world.other, `a ${q}`)).resolves.toBeInstanceOf(Array)
    })

    it('a device is no word of its messages', async () => {
      await write('A1', 'hello')
      await indexAll(world.store)
      expect(await find(world.other, deviceId)).toEqual([])
    })

    it.each<[string, MessageBody]>([
      ['caption', { type: 'image', media: { uploadId: 'med_1' }, caption: 'a needle' }],
      [
        'needle.pdf',
        { type: 'document', media: { uploadId: 'med_1' }, caption: 'other', filename: 'needle.pdf' },
      ],
      ['file name alone', { type: 'document', media: { uploadId: 'med_1' }, filename: 'needle.pdf' }],
      ['option', { type: 'poll', question: 'What?', options: ['hay', 'needle'], selectable: 1 }],
      [
        'contact',
        {
          type: 'contacts',
          contacts: [
            { name: 'Ada', phones: [] },
            { name: 'Needle', phones: ['+49 1'] },
          ],
        },
      ],
      [
        'organisation',
        { type: 'contacts', contacts: [{ name: 'Ada', phones: [], organization: 'Needle Ltd' }] },
      ],
      ['place', { type: 'location', latitude: 1, longitude: 2, name: 'Berlin', address: 'Needle street' }],
      [
        'event',
        { type: 'event', name: 'Dinner', startsAt: '2026-12-24T18:00:00Z', description: 'with needle' },
      ],
      ['group', { type: 'group_invite', group: '1@g.us', code: 'x', groupName: 'needle', caption: 'come' }],
    ])('finds the %s of a message', async (_, body) => {
      await write('A1', bodyText(body) ?? '', { type: body.type, body })
      await indexAll(world.store)
      const { items } = await page(world.other, 'needle')
      expect(items.map(({ message }) => message.id)).toEqual(['A1'])
      const hits = items[0]?.excerpt.filter(({ hit }) => hit)
      expect(hits?.map(({ text }) => text.toLowerCase())).toEqual(['needle'])
    })

    it('acts on messages are not found', async () => {
      await write('A1', 'yes', { type: 'vote', body: { type: 'vote', messageId: 'x', options: ['yes'] } })
      await write('A2', 'yes', { type: 'edit', body: { type: 'edit', messageId: 'x', text: 'yes' } })
      await indexAll(world.store)
      expect(await find(world.other, 'yes')).toEqual([])
    })

    it('a message that could not be decrypted is found once it can be read', async () => {
      await receive(undecryptable('R1'))
      await indexAll(world.store)
      expect(await find(world.other, 'text')).toEqual([])
      await receive(incoming('R2'), t0 + 1)
      expect(await find(world.other, 'text')).toEqual(['R1'])
    })

    it('each filter narrows what is found, alone and with others', async () => {
      await write('A1', 'word', {}, t0)
      await write('A2', 'word', { chat: bob }, t0 + 1)
      await receive(incoming('A3', { text: 'word', chat: { pn: alice.pn, lid: aliceLid } }), t0 + 2)
      await write('A4', 'word', { deviceId: 'phone' }, t0 + 3)
      await write('A5', 'word', { type: 'poll' }, t0 + 4)
      await indexAll(world.store)
      const by = (filter: SearchFilter) => find(world.other, 'word', { filter })
      expect(await by({})).toEqual(['A5', 'A4', 'A3', 'A2', 'A1'])
      expect(await by({ deviceId })).toEqual(['A5', 'A3', 'A2', 'A1'])
      expect(await by({ deviceId: 'phone' })).toEqual(['A4'])
      expect(await by({ chat: bob.pn ?? '' })).toEqual(['A2'])
      expect(await by({ chat: aliceLid })).toEqual(['A3'])
      expect(await by({ sender: alice.pn ?? '' })).toEqual(['A3'])
      expect(await by({ type: 'poll' })).toEqual(['A5'])
      expect(await by({ direction: 'inbound' })).toEqual(['A3'])
      expect(await by({ after: t0 + 1, before: t0 + 4 })).toEqual(['A4', 'A3', 'A2'])
      expect(await by({ deviceId, type: 'text', direction: 'outbound', after: t0 + 1 })).toEqual(['A2'])
    })

    it.each(['newest', 'rank'] as const)(
      'pages by %s have every match once, also while messages come',
      async (order) => {
        for (let n = 0; n < 7; n++) await write(`A${n}`, 'word')
        await indexAll(world.store)
        const seen: string[] = []
        let cursor: string | undefined
        for (let pages = 0; pages < 4; pages++) {
          const got = await page(world.other, 'word', {
            order,
            limit: 2,
            ...(cursor === undefined ? {} : { cursor }),
          })
          seen.push(...got.items.map(({ message }) => message.id))
          if (order === 'newest') {
            await write(`B${pages}`, 'word')
            await indexAll(world.store)
          }
          cursor = got.nextCursor ?? undefined
          expect(cursor === undefined).toBe(pages === 3)
        }
        expect(seen.toSorted()).toEqual(['A0', 'A1', 'A2', 'A3', 'A4', 'A5', 'A6'])
      },
    )

    it('by rank, the message that says most of what was looked for comes first', async () => {
      await write('A1', 'word word word')
      await write('A2', `word ${'other '.repeat(50)}`)
      await indexAll(world.store)
      expect(await find(world.other, 'word', { order: 'rank' })).toEqual(['A1', 'A2'])
    })

    it('an excerpt shows where it is said', async () => {
      await write('A1', `${'before '.repeat(200)} Crème \u0002<brûlée>\u0003 ${'after '.repeat(200)}`)
      await indexAll(world.store)
      const [found] = (await page(world.other, 'creme brulee')).items
      expect(found?.excerpt.filter(({ hit }) => hit).map(({ text }) => text)).toEqual(['Crème', 'brûlée'])
      const shown = found?.excerpt.map(({ text }) => text).join('') ?? ''
      expect(shown).toMatch(/^….*before.*Crème <brûlée>.*after.*…$/)
      expect(shown.length).toBeLessThan(300)
    })

    it('indexing goes on where it stopped, in batches, and ends', async () => {
      for (let n = 0; n < 5; n++) await write(`A${n}`, 'word')
      expect(await world.store.search.index(2)).toBe(true)
      expect(await find(world.other, 'word')).toEqual(['A1', 'A0'])
      expect(await world.other.search.index(2)).toBe(true)
      expect(await world.store.search.index(2)).toBe(false)
      expect(await world.store.search.index(2)).toBe(false)
      expect(await find(world.other, 'word')).toEqual(['A4', 'A3', 'A2', 'A1', 'A0'])
    })

    it('a word finds the messages that have it, and no others', async () => {
      let run = 0
      const text = fc
        .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 12 })
        .map((signs) => signs.join(''))
      await fc.assert(
        fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 6 }), text, async (texts, wanted) => {
          const device = `run-${run++}`
          for (const [n, said] of texts.entries()) await write(`${device}-${n}`, said, { deviceId: device })
          await indexAll(world.store)
          const words = wordsOf(wanted)
          fc.pre(words.length > 0)
          for (const word of words) {
            const expected = texts.flatMap((said, n) =>
              wordsOf(said).includes(word) ? [`${device}-${n}`] : [],
            )
            expect(await find(world.other, `"${word}"`, { filter: { deviceId: device } })).toEqual(
              expected.toReversed(),
            )
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}
