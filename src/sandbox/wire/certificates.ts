import { proto } from '@whiskeysockets/baileys'
import type { Entropy, KeyPair } from '../entropy.ts'

/** What a server proves itself with: its static key, and the chain that a root key vouches for. */
export interface NoiseIdentity {
  /** 32 bytes; what a client must be told in place of the real service's root key. */
  readonly rootKey: Buffer
  readonly staticKey: KeyPair
  /** A protobuf CertChain: leaf signed by the intermediate, intermediate by the root. */
  readonly certificateChain: Uint8Array
}

const intermediateSerial = 1
const leafSerial = 2
/** The serial of the root, which clients compare with. */
const rootSerial = 0
const farFutureSeconds = 4_000_000_000

export const createNoiseIdentity = (entropy: Entropy): NoiseIdentity => {
  const root = entropy.keyPair('noise root')
  const intermediate = entropy.keyPair('noise intermediate')
  const staticKey = entropy.keyPair('noise static')
  const details = (serial: number, issuerSerial: number, key: Buffer): Uint8Array =>
    proto.CertChain.NoiseCertificate.Details.encode({
      serial,
      issuerSerial,
      key,
      notBefore: 0,
      notAfter: farFutureSeconds,
    }).finish()
  const intermediateDetails = details(intermediateSerial, rootSerial, intermediate.public)
  const leafDetails = details(leafSerial, intermediateSerial, staticKey.public)
  const certificateChain = proto.CertChain.encode({
    intermediate: {
      details: intermediateDetails,
      signature: root.sign(intermediateDetails),
    },
    leaf: { details: leafDetails, signature: intermediate.sign(leafDetails) },
  }).finish()
  return { rootKey: root.public, staticKey, certificateChain }
}
