import type { BinaryNode } from '@whiskeysockets/baileys'
import { describe, expect, it } from 'vitest'
import { MediaError } from '../../../src/whatsapp/media/errors.ts'
import { createHostBook } from '../../../src/whatsapp/media/hosts.ts'
import { mediaConn } from './media-host.ts'

const world = (answers: (BinaryNode | undefined | Error)[]) => {
  const seen: BinaryNode[] = []
  const clock = { now: 1_000 }
  const book = createHostBook({
    now: () => clock.now,
    query: async (iq) => {
      seen.push(iq)
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      return answer
    },
  })
  return { book, seen, clock }
}

describe('the media hosts of an account', () => {
  it('are asked for as WhatsApp expects it, once for all who ask at the same time', async () => {
    const { book, seen } = world([mediaConn(['a', 'b'], 'secret')])
    const [one, other] = await Promise.all([book.get(), book.get()])
    expect(one).toEqual({ hosts: ['a', 'b'], auth: 'secret' })
    expect(other).toBe(one)
    expect(seen).toEqual([
      {
        tag: 'iq',
        attrs: { type: 'set', xmlns: 'w:m', to: '@s.whatsapp.net' },
        content: [{ tag: 'media_conn', attrs: {} }],
      },
    ])
  })

  it('are kept for as long as WhatsApp says, and no longer', async () => {
    const { book, seen, clock } = world([mediaConn(['a'], '1', '60'), mediaConn(['a'], '2', '60')])
    await book.get()
    clock.now += 59_999
    expect((await book.get()).auth).toBe('1')
    clock.now += 1
    expect((await book.get()).auth).toBe('2')
    expect(seen).toHaveLength(2)
  })

  it('are asked for again after a refusal, once for all who were refused', async () => {
    const { book, seen } = world([mediaConn(['a'], '1'), mediaConn(['a'], '2')])
    const stale = await book.get()
    const renewed = await Promise.all([book.renew(stale), book.renew(stale)])
    expect(renewed.map(({ auth }) => auth)).toEqual(['2', '2'])
    expect((await book.renew(stale)).auth).toBe('2')
    expect(seen).toHaveLength(2)
  })

  it('are asked for again after an answer that did not come, which is not kept', async () => {
    const none: BinaryNode = { tag: 'iq', attrs: {}, content: [{ tag: 'media_conn', attrs: { auth: 'x' } }] }
    for (const failure of [undefined, new Error('Connection Closed'), none]) {
      const { book } = world([failure, mediaConn(['a'], '1')])
      const refused: unknown = await book.get().catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(MediaError)
      expect((refused as MediaError).code).toBe('unreachable')
      expect((await book.get()).hosts).toEqual(['a'])
    }
  })
})
