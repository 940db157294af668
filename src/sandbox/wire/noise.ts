import { hkdfSync } from 'node:crypto'
import { aesDecryptGCM, aesEncryptGCM, Curve, NOISE_MODE, proto, sha256 } from '@whiskeysockets/baileys'
import type { NoiseIdentity } from './certificates.ts'
import { WireError } from './frames.ts'

/** Encrypts and decrypts frames once the handshake is done; each direction counts its own frames. */
export interface TransportCipher {
  encrypt(plaintext: Uint8Array): Buffer
  /** @throws Error when the frame was not written by the client under this key and counter */
  decrypt(ciphertext: Uint8Array): Buffer
}

export interface FinishedHandshake {
  /** The client's noise key, 32 bytes: a linked companion is recognised by it. */
  readonly clientStatic: Buffer
  readonly payload: proto.ClientPayload
  readonly cipher: TransportCipher
}

const keyBytes = 32
const noBytes = Buffer.alloc(0)

const nonce = (counter: number): Buffer => {
  const iv = Buffer.alloc(12)
  iv.writeUInt32BE(counter, 8)
  return iv
}

const split = (input: Uint8Array, salt: Uint8Array): [Buffer, Buffer] => {
  const bytes = Buffer.from(hkdfSync('sha256', input, salt, noBytes, 2 * keyBytes))
  return [bytes.subarray(0, keyBytes), bytes.subarray(keyBytes)]
}

const createCipher = (writeKey: Buffer, readKey: Buffer): TransportCipher => {
  let written = 0
  let read = 0
  return {
    encrypt: (plaintext) => aesEncryptGCM(plaintext, writeKey, nonce(written++), noBytes),
    decrypt: (ciphertext) => aesDecryptGCM(ciphertext, readKey, nonce(read++), noBytes),
  }
}

/**
 * The server's half of Noise_XX_25519_AESGCM_SHA256: takes the client's hello, gives the server's, and waits for the
 * client's finish, which carries its static key and its ClientPayload.
 *
 * @throws WireError when a message is not what the pattern asks for
 */
export const answerHello = (
  identity: NoiseIdentity,
  header: Buffer,
  hello: Uint8Array,
  ephemeral = Curve.generateKeyPair(),
): { reply: Uint8Array; finish: (frame: Uint8Array) => FinishedHandshake } => {
  let hash: Buffer = Buffer.from(NOISE_MODE)
  let salt = hash
  let key = hash
  let counter = 0
  const authenticate = (bytes: Uint8Array): void => {
    hash = sha256(Buffer.concat([hash, bytes]))
  }
  const mixIntoKey = (bytes: Uint8Array): void => {
    ;[salt, key] = split(bytes, salt)
    counter = 0
  }
  const encrypt = (plaintext: Uint8Array): Buffer => {
    const ciphertext = aesEncryptGCM(plaintext, key, nonce(counter++), hash)
    authenticate(ciphertext)
    return ciphertext
  }
  const decrypt = (ciphertext: Uint8Array): Buffer => {
    const plaintext = aesDecryptGCM(ciphertext, key, nonce(counter++), hash)
    authenticate(ciphertext)
    return plaintext
  }

  authenticate(header)
  const clientEphemeral = proto.HandshakeMessage.decode(hello).clientHello?.ephemeral
  if (clientEphemeral?.length !== keyBytes) throw new WireError('client hello without an ephemeral key')
  authenticate(clientEphemeral)
  authenticate(ephemeral.public)
  mixIntoKey(Curve.sharedKey(ephemeral.private, clientEphemeral))
  const encryptedStatic = encrypt(identity.staticKey.public)
  mixIntoKey(Curve.sharedKey(identity.staticKey.private, clientEphemeral))
  const payload = encrypt(identity.certificateChain)
  const reply = proto.HandshakeMessage.encode({
    serverHello: { ephemeral: ephemeral.public, static: encryptedStatic, payload },
  }).finish()

  const finish = (frame: Uint8Array): FinishedHandshake => {
    const clientFinish = proto.HandshakeMessage.decode(frame).clientFinish
    if (!clientFinish?.static || !clientFinish.payload) throw new WireError('client finish is incomplete')
    const clientStatic = decrypt(clientFinish.static)
    mixIntoKey(Curve.sharedKey(ephemeral.private, clientStatic))
    const clientPayload = proto.ClientPayload.decode(decrypt(clientFinish.payload))
    const [readKey, writeKey] = split(noBytes, salt)
    return { clientStatic, payload: clientPayload, cipher: createCipher(writeKey, readKey) }
  }
  return { reply, finish }
}
