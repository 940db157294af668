/** Where frames lie in the bytes that one side of a WebSocket sends (RFC 6455, section 5.2), without reading them. */

export interface FramePart {
  /** In the chunk: where the frame starts. */
  readonly start: number
  /** Header, mask and payload; it may end in a later chunk. */
  readonly size: number
}

/** Takes the bytes of one direction as they come, and says which frames start in each chunk. */
export interface FrameScanner {
  push(chunk: Uint8Array): FramePart[]
}

const endOfHeaders = Buffer.from('\r\n\r\n')
const shortLengthMax = 125
const twoByteLength = 126
const maskBytes = 4

/** The size of the frame whose first bytes these are; undefined while its length is not there yet. */
const sizeOf = (head: Buffer): number | undefined => {
  if (head.length < 2) return undefined
  const second = head.readUInt8(1)
  const masked = (second & 0x80) === 0 ? 0 : maskBytes
  const length = second & 0x7f
  if (length <= shortLengthMax) return 2 + masked + length
  if (length === twoByteLength) return head.length < 4 ? undefined : 4 + masked + head.readUInt16BE(2)
  return head.length < 10 ? undefined : 10 + masked + Number(head.readBigUInt64BE(2))
}

export const createFrameScanner = (): FrameScanner => {
  let upgraded = false
  /** Bytes before the first frame, or of a frame whose size is not known yet. */
  let held = Buffer.alloc(0)
  /** Of the frame that is passing. */
  let remaining = 0
  return {
    push(chunk) {
      const parts: FramePart[] = []
      const heldBefore = held.length
      let bytes = Buffer.concat([held, chunk])
      /** Of `bytes` in the chunk. */
      let offset = -heldBefore
      held = Buffer.alloc(0)
      if (!upgraded) {
        const end = bytes.indexOf(endOfHeaders)
        if (end < 0) {
          held = bytes
          return parts
        }
        upgraded = true
        offset += end + endOfHeaders.length
        bytes = bytes.subarray(end + endOfHeaders.length)
      }
      while (bytes.length > 0) {
        if (remaining === 0) {
          const size = sizeOf(bytes)
          if (size === undefined) {
            held = bytes
            return parts
          }
          // One whose first byte came before is told where the rest of it begins.
          parts.push({ start: Math.max(0, offset), size: size + Math.min(0, offset) })
          remaining = size
        }
        const taken = Math.min(remaining, bytes.length)
        remaining -= taken
        offset += taken
        bytes = bytes.subarray(taken)
      }
      return parts
    },
  }
}
