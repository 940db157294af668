import { describe, expect, it } from 'vitest'
import type { MessageBody } from '../../src/domain/body.ts'
import type { Event } from '../../src/domain/event.ts'
import { shownEvent } from '../../src/domain/shown-event.ts'
import { fileOf, type FileParts, payloadOf } from '../../src/webhooks/payload.ts'
import { receivedEvent } from './samples.ts'

const from = '491511111111@s.whatsapp.net'
const timestamp = 1_800_000_000
const media = { uploadId: 'med_1' }
const url = 'https://gateway.example.com/api/messages/msg_1/media'

const eventOf = (event: Event, file?: FileParts): unknown => JSON.parse(payloadOf(event, 'event', file))
const plainOf = (body: MessageBody | null, file?: FileParts, more = {}): unknown =>
  JSON.parse(payloadOf(receivedEvent(body, more), 'plain', file))

const tested: Event = {
  seq: 9,
  id: 'evt_9',
  at: 1_800_000_000_999,
  type: 'webhook.tested',
  deviceId: null,
  data: { endpointId: 'whk_1' },
}

describe('the body of an event', () => {
  it('is the event, its time in ISO 8601', () => {
    const event = receivedEvent({ type: 'text', text: 'hello' })
    expect(eventOf(event)).toEqual({
      seq: 7,
      id: 'evt_7',
      type: 'message.received',
      deviceId: 'phone-1',
      at: '2027-01-15T08:00:01.500Z',
      data: event.data,
    })
    expect(eventOf(tested)).toEqual(shownEvent(tested))
  })

  it('has a link to its file, and the file itself when it is given', () => {
    const event = receivedEvent({ type: 'image', media })
    expect(eventOf(event, { url })).toMatchObject({ data: { messageId: 'msg_1', mediaUrl: url } })
    expect(eventOf(event, { url })).not.toHaveProperty('data.mediaInline')
    const inline = { base64: 'aGk=', mimetype: 'image/png', filename: null, bytes: 2 }
    expect(eventOf(event, { url, inline })).toMatchObject({ data: { mediaUrl: url, mediaInline: inline } })
  })
})

describe('the file of an event', () => {
  it('is that of its message', () => {
    expect(fileOf(receivedEvent({ type: 'voice', media }, { id: 'a/b' }))).toEqual({
      mediaId: 'med_1',
      path: '/api/messages/a%2Fb/media',
    })
  })

  it('is the one that was stored', () => {
    const data = { mediaId: 'med_2', ofMessage: 'msg_1' }
    expect(fileOf({ type: 'media.stored', data })).toEqual({ mediaId: 'med_2', path: '/api/media/med_2' })
    expect(fileOf({ type: 'media.failed', data })).toBeUndefined()
  })

  it('is none of a text, and of what cannot be read', () => {
    expect(fileOf(receivedEvent({ type: 'text', text: 'x' }))).toBeUndefined()
    expect(fileOf(receivedEvent(null))).toBeUndefined()
    expect(fileOf(tested)).toBeUndefined()
  })
})

describe('the plain body', () => {
  it('of a text is the one that the guide knows, and nothing more', () => {
    expect(plainOf({ type: 'text', text: 'hello' })).toEqual({
      type: 'text',
      from,
      message: 'hello',
      timestamp,
    })
  })

  it.each([
    [{ type: 'image', media }, 'imageMessage'],
    [{ type: 'video', media }, 'videoMessage'],
    [{ type: 'gif', media }, 'videoMessage'],
    [{ type: 'round_video', media }, 'videoMessage'],
    [{ type: 'audio', media }, 'audioMessage'],
    [{ type: 'voice', media }, 'audioMessage'],
    [{ type: 'document', media }, 'documentMessage'],
    [{ type: 'sticker', media }, 'stickerMessage'],
  ] satisfies [MessageBody, string][])('of a file says where it is: %j', (body, mediaType) => {
    const filePath = '/data/media/ab/cd/abcd'
    expect(plainOf(body, { url, filePath })).toEqual({
      type: 'media',
      from,
      mediaType,
      filePath,
      mediaUrl: url,
      timestamp,
    })
  })

  it('of a file has its caption, and no path while there is none', () => {
    expect(plainOf({ type: 'image', media, caption: 'look' }, { url })).toMatchObject({
      caption: 'look',
      filePath: null,
    })
  })

  it.each([
    [
      { type: 'location', latitude: 1, longitude: 2, name: 'Here' },
      'Location: https://maps.google.com/?q=1,2\nHere',
    ],
    [{ type: 'contacts', contacts: [{ name: 'Bob', phones: ['+49123'] }] }, 'Contact: Bob +49123'],
    [
      { type: 'poll', question: 'Lunch?', options: ['a', 'b'], selectable: 1 },
      'POLL:\nLunch?\nOPTION: a\nOPTION: b',
    ],
    [
      { type: 'group_invite', group: 'g', groupName: 'Team', code: 'xyz' },
      'Invitation to the group Team: xyz',
    ],
    [{ type: 'reaction', messageId: 'm', emoji: '👍' }, '👍'],
    [{ type: 'edit', messageId: 'm', text: 'new' }, 'new'],
    [{ type: 'delete', messageId: 'm' }, '<delete>'],
  ] satisfies [MessageBody, string][])('of anything else is what a person reads: %j', (body, message) => {
    expect(plainOf(body)).toEqual({ type: 'text', from, message, timestamp })
  })

  it('of what cannot be read or named says so', () => {
    expect(plainOf(null, undefined, { type: 'undecryptable' })).toMatchObject({
      message: 'Waiting for this message',
    })
    expect(plainOf(null)).toMatchObject({ type: 'text', message: '<not supported>' })
  })

  it('has the time of the event where WhatsApp has told none', () => {
    expect(plainOf({ type: 'text', text: 'x' }, undefined, { timestamp: null })).toMatchObject({
      timestamp: timestamp + 1,
    })
  })

  it('of a test is a text of nobody', () => {
    expect(JSON.parse(payloadOf(tested, 'plain', undefined))).toEqual({
      type: 'text',
      from: '0@s.whatsapp.net',
      message: 'This is a test.',
      timestamp: 1_800_000_000,
    })
  })

  it('of what has none is the event', () => {
    const event: Event = { ...tested, type: 'media.stored', data: { mediaId: 'med_1', ofMessage: null } }
    expect(JSON.parse(payloadOf(event, 'plain', undefined))).toEqual(shownEvent(event))
  })
})
