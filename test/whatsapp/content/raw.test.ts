import { proto } from '@whiskeysockets/baileys'
import { expect, test } from 'vitest'
import { rawContent } from '../../../src/whatsapp/content/raw.ts'

test('raw content has bytes in base64, long numbers as text and enums by name', () => {
  const bytes = proto.Message.encode({
    imageMessage: { caption: 'a', mediaKey: Buffer.from([1, 2, 3]), fileLength: Number.MAX_SAFE_INTEGER },
    protocolMessage: { type: proto.Message.ProtocolMessage.Type.REVOKE, key: { fromMe: true, id: 'X' } },
  }).finish()
  expect(rawContent(bytes)).toEqual({
    imageMessage: { caption: 'a', mediaKey: 'AQID', fileLength: '9007199254740991' },
    protocolMessage: { type: 'REVOKE', key: { fromMe: true, id: 'X' } },
  })
})

test('bytes that are no message are refused', () => {
  expect(() => rawContent(Uint8Array.from([0x0a, 200]))).toThrow()
})
