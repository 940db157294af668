/** A client that does not speak the protocol; its connection is closed. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** Largest frame that is accepted. The length field could say 16 MiB; a first upload of 812 pre-keys is 40 KiB. */
export const frameMaxBytes = 4 * 1024 * 1024
/** Largest frame before the handshake is done. */
export const handshakeFrameMaxBytes = 64 * 1024

const lengthBytes = 3
/** `WA`, then the protocol and the dictionary version. */
const headerBytes = 4
const magic = 'WA'
/** Routing prefix: `ED`, two bytes, a 3-byte length, then that many bytes of routing info. */
const routingMagic = 'ED'
const routingHeadBytes = 7
const routingMaxBytes = 4096

/** Cuts a byte stream into frames. The bytes come in any portions, as they do after a proxy. */
export interface FrameReader {
  /** @throws WireError when the intro is not WhatsApp's or a frame is larger than `maxBytes` */
  push(chunk: Uint8Array, maxBytes: () => number): Generator<Buffer, void>
  /** The 4 bytes of the intro, known once the first frame came out: the handshake hash starts with them. */
  readonly header: Buffer | undefined
}

export const createFrameReader = (): FrameReader => {
  let pending: Buffer = Buffer.alloc(0)
  let header: Buffer | undefined

  const readIntro = (): boolean => {
    let at = 0
    if (pending.length < 2) return false
    if (pending.subarray(0, 2).toString('latin1') === routingMagic) {
      if (pending.length < routingHeadBytes) return false
      const routingBytes = pending.readUIntBE(4, lengthBytes)
      if (routingBytes > routingMaxBytes) throw new WireError('routing info too long')
      at = routingHeadBytes + routingBytes
    }
    if (pending.length < at + headerBytes) return false
    const found = pending.subarray(at, at + headerBytes)
    if (found.subarray(0, 2).toString('latin1') !== magic) throw new WireError('not a WhatsApp client')
    header = Buffer.from(found)
    pending = pending.subarray(at + headerBytes)
    return true
  }

  return {
    get header() {
      return header
    },
    *push(chunk, maxBytes) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk])
      if (header === undefined && !readIntro()) return
      while (pending.length >= lengthBytes) {
        const size = pending.readUIntBE(0, lengthBytes)
        if (size > maxBytes()) throw new WireError(`frame of ${size} bytes, more than ${maxBytes()}`)
        if (pending.length < lengthBytes + size) return
        const frame = pending.subarray(lengthBytes, lengthBytes + size)
        pending = pending.subarray(lengthBytes + size)
        yield frame
      }
    },
  }
}

/** A frame as it goes over the wire: a 3-byte big-endian length, then the bytes. */
export const frame = (bytes: Uint8Array): Buffer => {
  const framed = Buffer.allocUnsafe(lengthBytes + bytes.length)
  framed.writeUIntBE(bytes.length, 0, lengthBytes)
  framed.set(bytes, lengthBytes)
  return framed
}
