import { array, assert, boolean, integer, nat, oneof, property } from 'fast-check'
import { expect, test } from 'vitest'
import { createFrameScanner } from './websocket-frames.ts'

const upgrade = Buffer.from('GET /ws/chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n')

const frameOf = (length: number, masked: boolean): Buffer => {
  const flag = masked ? 0x80 : 0
  const mask = Buffer.alloc(masked ? 4 : 0, 7)
  const payload = Buffer.alloc(length, 1)
  if (length <= 125) return Buffer.concat([Buffer.from([0x82, flag | length]), mask, payload])
  const size = Buffer.alloc(length > 65_535 ? 8 : 2)
  if (length > 65_535) size.writeBigUInt64BE(BigInt(length))
  else size.writeUInt16BE(length)
  return Buffer.concat([Buffer.from([0x82, flag | (length > 65_535 ? 127 : 126)]), size, mask, payload])
}

test('the handshake is no frame, and a frame in the same chunk starts after it', () => {
  const frame = frameOf(5, true)
  expect(createFrameScanner().push(Buffer.concat([upgrade, frame]))).toEqual([
    { start: upgrade.length, size: frame.length },
  ])
})

test('however the bytes are cut into chunks, each frame is counted once, and its bytes are its own', () => {
  const lengths = array(oneof(nat(130), integer({ min: 65_530, max: 65_540 })), { maxLength: 6 })
  const pieces = array(integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 40 })
  assert(
    property(lengths, boolean(), pieces, (sizes, masked, cuts) => {
      const frames = sizes.map((length) => frameOf(length, masked))
      const bytes = Buffer.concat([upgrade, ...frames])
      const scanner = createFrameScanner()
      const ends: number[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const chunk = bytes.subarray(at, at + (cuts[turn % cuts.length] ?? 1))
        for (const { start, size } of scanner.push(chunk)) ends.push(at + start + size)
        at += chunk.length
      }
      let end = upgrade.length
      expect(ends).toEqual(frames.map((frame) => (end += frame.length)))
    }),
    { numRuns: 100 },
  )
})
