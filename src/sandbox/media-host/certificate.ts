import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto'

/** A key and a certificate, both PEM. */
export interface Certified {
  readonly key: string
  /** Its own authority: who trusts it in place of the public ones, trusts this server. */
  readonly certificate: string
}

/** DER (X.690): a tag, a length, the bytes. */
const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts)
const set = (...parts: readonly Uint8Array[]): Buffer => der(0x31, ...parts)
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
const bits = (bytes: Uint8Array): Buffer => der(0x03, Buffer.from([0]), bytes)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text))
const generalizedTime = (text: string): Buffer => der(0x18, Buffer.from(text))
const yes = Buffer.from([0x01, 0x01, 0xff])

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const commonName = '550403'
const subjectAltName = '551d11'
const basicConstraints = '551d13'
const subjectKeyIdentifier = '551d0e'

const loopbackV4 = Buffer.from([127, 0, 0, 1])
const loopbackV6 = Buffer.concat([Buffer.alloc(15), Buffer.from([1])])
const serialBytes = 16

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`

/** A fresh certificate of loopback (RFC 5280, ECDSA P-256), signed by itself. From 2020 to 2120. */
export const createLoopbackCertificate = (): Certified => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keyInfo = publicKey.export({ type: 'spki', format: 'der' })
  const name = sequence(set(sequence(oid(commonName), der(0x0c, Buffer.from('WhatsApp sandbox media')))))
  const names = sequence(der(0x87, loopbackV4), der(0x87, loopbackV6), der(0x82, Buffer.from('localhost')))
  const serial = randomBytes(serialBytes)
  // A positive integer: the first bit is its sign, and it must not begin with a zero byte.
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f)
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial),
    ecdsaWithSha256,
    name,
    sequence(utcTime('200101000000Z'), generalizedTime('21200101000000Z')),
    name,
    keyInfo,
    der(
      0xa3,
      sequence(
        sequence(oid(subjectAltName), octets(names)),
        sequence(oid(basicConstraints), yes, octets(sequence(yes))),
        sequence(oid(subjectKeyIdentifier), octets(octets(createHash('sha1').update(keyInfo).digest()))),
      ),
    ),
  )
  const signature = createSign('sha256').update(body).sign(privateKey)
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    certificate: pem('CERTIFICATE', sequence(body, ecdsaWithSha256, bits(signature))),
  }
}
