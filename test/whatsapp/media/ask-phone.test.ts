import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { type BinaryNode, proto } from '@whiskeysockets/baileys'
import { describe, expect, it } from 'vitest'
import { askPhone } from '../../../src/whatsapp/media/ask-phone.ts'
import type { FileOwner } from '../../../src/whatsapp/socket.ts'
import { MediaError } from '../../../src/whatsapp/media/errors.ts'

const key: FileOwner = {
  id: '3EB0ABCDEF',
  remoteJid: '120363000000000000@g.us',
  fromMe: false,
  participant: '15551112222@s.whatsapp.net',
}
const mediaKey = randomBytes(32)
const results = proto.MediaRetryNotification.ResultType

/** The phone's side of it, made anew from the protocol. */
const retryKey = Buffer.from(hkdfSync('sha256', mediaKey, '', 'WhatsApp Media Retry Notification', 32))
const aad = Buffer.from(key.id)

const childOf = (node: BinaryNode | undefined, tag: string): BinaryNode | undefined =>
  Array.isArray(node?.content) ? node.content.find((child) => child.tag === tag) : undefined
const bytesOf = (node: BinaryNode | undefined): Buffer => Buffer.from((node?.content ?? '') as Uint8Array)

const readRequest = (node: BinaryNode): proto.ServerErrorReceipt => {
  const encrypt = childOf(node, 'encrypt')
  const sealed = bytesOf(childOf(encrypt, 'enc_p'))
  const decipher = createDecipheriv('aes-256-gcm', retryKey, bytesOf(childOf(encrypt, 'enc_iv')))
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-16))
  return proto.ServerErrorReceipt.decode(
    Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]),
  )
}

const notification = (content: BinaryNode[]): BinaryNode => ({
  tag: 'notification',
  attrs: { id: key.id, type: 'mediaretry', from: 's.whatsapp.net' },
  content: [{ tag: 'rmr', attrs: { jid: key.remoteJid, from_me: 'false' } }, ...content],
})

const answer = (result: proto.IMediaRetryNotification): BinaryNode => {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', retryKey, iv).setAAD(aad)
  const plain = proto.MediaRetryNotification.encode({ stanzaId: key.id, ...result }).finish()
  const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  return notification([
    {
      tag: 'encrypt',
      attrs: {},
      content: [
        { tag: 'enc_p', attrs: {}, content: sealed },
        { tag: 'enc_iv', attrs: {}, content: iv },
      ],
    },
  ])
}

const world = (phone: (request: BinaryNode, tell: (node: BinaryNode) => void) => void | Promise<void>) => {
  const ws = new EventEmitter()
  const gone = Promise.withResolvers<string>()
  const sent: BinaryNode[] = []
  const ask = (timeoutMs = 5_000): Promise<string> =>
    askPhone(
      {
        ws,
        gone: gone.promise,
        me: () => '15550001111:3@s.whatsapp.net',
        async sendNode(node) {
          sent.push(node)
          await phone(node, (told) => {
            ws.emit(`CB:notification,id:${told.attrs['id'] ?? ''}`, told)
          })
        },
      },
      key,
      mediaKey,
      timeoutMs,
    )
  return { ask, sent, ws, gone }
}

const failure = async (work: Promise<unknown>): Promise<MediaError> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MediaError)
  return error as MediaError
}

describe('the phone', () => {
  it('is asked for the file of a message, encrypted for it, and tells where it is now', async () => {
    const { ask, sent, ws } = world((_request, tell) =>
      tell(answer({ result: results.SUCCESS, directPath: '/v/new' })),
    )
    expect(await ask()).toBe('/v/new')
    const [request] = sent
    expect(request?.attrs).toEqual({ id: key.id, to: '15550001111@s.whatsapp.net', type: 'server-error' })
    expect(readRequest(request as BinaryNode).stanzaId).toBe(key.id)
    expect(childOf(request, 'rmr')?.attrs).toEqual({
      jid: key.remoteJid,
      from_me: 'false',
      participant: key.participant,
    })
    expect(ws.eventNames()).toEqual([])
  })

  it('may have the file no more, which it says in one of two ways', async () => {
    const plain = notification([{ tag: 'error', attrs: { code: '2' } }])
    for (const told of [answer({ result: results.NOT_FOUND }), plain]) {
      const { ask } = world((_request, tell) => tell(told))
      expect((await failure(ask())).code).toBe('gone')
    }
  })

  it('may fail, and may say something that cannot be read', async () => {
    const damaged = answer({ result: results.SUCCESS, directPath: '/v/new' })
    bytesOf(childOf(childOf(damaged, 'encrypt'), 'enc_p')).fill(0)
    const unreadable = { ...damaged, content: [{ tag: 'rmr', attrs: { jid: 'x' } }] }
    const toldThings = [
      answer({ result: results.GENERAL_ERROR }),
      answer({ result: results.SUCCESS }),
      notification([{ tag: 'error', attrs: { code: '1' } }]),
      unreadable,
      { ...damaged, content: [] },
    ]
    for (const told of toldThings) {
      const { ask } = world((_request, tell) => tell(told))
      expect((await failure(ask())).code).toBe('unreachable')
    }
  })

  it('may be offline: then there is an end to the wait, and nobody listens any more', async () => {
    const { ask, ws } = world(() => undefined)
    const { code, message } = await failure(ask(50))
    expect({ code, message }).toEqual({ code: 'unreachable', message: 'the phone did not answer in time' })
    expect(ws.eventNames()).toEqual([])
  })

  it('is not waited for when the socket goes, or does not take the request', async () => {
    const lost = world(() => undefined)
    const work = lost.ask()
    lost.gone.resolve('the connection was dropped')
    expect((await failure(work)).message).toBe('the connection was dropped')
    const closed = world(() => Promise.reject(new Error('Connection Closed')))
    expect((await failure(closed.ask())).message).toBe('Connection Closed')
  })

  it('is heard about this message alone, and only when it answers the question', async () => {
    const { ask } = world((_request, tell) => {
      tell({
        ...answer({ result: results.SUCCESS, directPath: '/v/other' }),
        attrs: { id: 'OTHER', type: 'mediaretry' },
      })
      tell({ tag: 'notification', attrs: { id: key.id, type: 'w:gp2' } })
      tell(answer({ result: results.SUCCESS, directPath: '/v/mine' }))
    })
    expect(await ask()).toBe('/v/mine')
  })
})
