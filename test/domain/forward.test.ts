import { describe, expect, test } from 'vitest'
import { frequentlyForwardedScore } from '../../src/domain/body.ts'
import { forwardChatsMax, forwardOf, frequentlyForwardedFrom } from '../../src/domain/forward.ts'
import type { Message } from '../../src/domain/message.ts'
import { bodies } from '../whatsapp/content/bodies.ts'
import { messageOf } from './message-of.ts'

describe('a message that is forwarded', () => {
  test.each(bodies.map((body) => [body.type, body] as const))('of type %s says the same', (_, body) => {
    const { mentions: _m, replyTo: _r, expiresIn: _e, forwardingScore: _s, viewOnce: _v, ...said } = body
    expect(forwardOf(messageOf({ ...body, viewOnce: false }), 1)).toMatchObject({ ...said, forwarded: true })
  })

  test('may be a plain text, which has no body', () => {
    expect(forwardOf(messageOf(null, { text: 'hi' }), 1)).toEqual({
      type: 'text',
      text: 'hi',
      forwarded: true,
    })
  })

  test('does not tell what its chat was about', () => {
    const body = {
      type: 'text',
      text: 'hi',
      replyTo: 'M0',
      mentions: ['2@s.whatsapp.net'],
      expiresIn: 60,
    } as const
    expect(forwardOf(messageOf(body), 1)).toEqual({ type: 'text', text: 'hi', forwarded: true })
  })

  test.each([
    [{}, undefined],
    [{ forwarded: true }, 2],
    [{ forwarded: true, forwardingScore: 3 }, 4],
    [{ forwarded: true, forwardingScore: frequentlyForwardedFrom - 1 }, frequentlyForwardedScore],
    [{ forwarded: true, forwardingScore: frequentlyForwardedScore }, frequentlyForwardedScore],
  ])('that was %j before counts %s', (options, score) => {
    expect(forwardOf(messageOf({ type: 'text', text: 'hi', ...options }), 1).forwardingScore).toBe(score)
  })
})

test.each<[string, Message, number]>([
  ['was deleted', messageOf({ type: 'text', text: 'hi' }, { deletedAt: 5 }), 1],
  ['only acts', messageOf({ type: 'reaction', messageId: 'M0', emoji: '👍' }), 1],
  ['only acts', messageOf(null, { type: 'pin' }), 1],
  ['could not be decrypted', messageOf(null, { type: 'undecryptable' }), 1],
  ['has no name here', messageOf(null, { type: 'unknown', text: 'hi' }), 1],
  ['viewed once', messageOf({ type: 'image', media: { uploadId: 'med_1' }, viewOnce: true }), 1],
  [`${forwardChatsMax} chats at once`, messageOf(null, { text: 'hi' }), forwardChatsMax + 1],
  [
    'one chat at a time',
    messageOf({ type: 'text', text: 'hi', forwarded: true, forwardingScore: frequentlyForwardedFrom }),
    2,
  ],
])('what %s cannot be forwarded', (why, message, chats) => {
  expect(() => forwardOf(message, chats)).toThrow(expect.objectContaining({ code: 'invalid_message' }))
  expect(() => forwardOf(message, chats)).toThrow(why)
})

test('so many chats as are allowed are', () => {
  expect(forwardOf(messageOf(null, { text: 'hi' }), forwardChatsMax)).toMatchObject({ text: 'hi' })
})
