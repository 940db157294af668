/**
 * Bounds what one frame of the server can swell to. Baileys inflates a compressed stanza to its end, whatever that comes
 * to (WABinary/decode.js `decompressingIfRequired`): 16 MiB of zeros, compressed, are 16 GiB and the end of the process.
 * It takes `inflate` from Node when it is loaded, so that this must be imported before it; what asks for another bound
 * has its own.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { deflateSync, type InputType, type ZlibOptions } from 'node:zlib'

/**
 * A stanza has some kilobytes, a block of history that comes inside of a message some hundred. A byte can become 40 in
 * memory when the stanza is read (measured: 16 MB of the smallest nodes are 620 MB), so that more would be too much.
 */
export const inflatedMaxBytes = 8 * 1024 * 1024

type Done = (error: Error | null, result: Buffer) => void
type Inflate = (buffer: InputType, ...rest: readonly [ZlibOptions, Done] | readonly [Done]) => void

const zlib = createRequire(import.meta.url)('node:zlib') as { inflate: Inflate }
const { inflate } = zlib
let calls = 0

const bounded: Inflate = (buffer, ...rest) => {
  calls += 1
  const [options, done] = rest.length === 1 ? [{}, rest[0]] : rest
  inflate(buffer, { maxOutputLength: inflatedMaxBytes, ...options }, done)
}
zlib.inflate = bounded
syncBuiltinESMExports()

/** The flag of a compressed stanza (Baileys, WABinary/decode.js). */
const compressed = 2

/** Does what reads stanzas inflate within the bound? It does not when it was loaded before this file. */
export const isBounded = async (decode: (stanza: Buffer) => Promise<unknown>): Promise<boolean> => {
  const before = calls
  await decode(Buffer.concat([Buffer.from([compressed]), deflateSync(Buffer.of(0))])).catch(() => undefined)
  return calls > before
}
