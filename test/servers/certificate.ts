import { generateKeyPairSync, sign } from 'node:crypto'

/** A key and its certificate, both as PEM. */
export interface KeyPair {
  readonly key: string
  readonly certificate: string
}

const piece = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  const { length } = body
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), body])
}
const sequence = (...parts: readonly Buffer[]): Buffer => piece(0x30, ...parts)
const identifier = (hex: string): Buffer => piece(0x06, Buffer.from(hex, 'hex'))
const utf8 = (text: string): Buffer => piece(0x0c, Buffer.from(text))
const bits = (bytes: Buffer): Buffer => piece(0x03, Buffer.from([0]), bytes)
/** Years before 2050 have two digits. */
const time = (date: Date): Buffer =>
  piece(
    0x17,
    Buffer.from(
      `${date
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  )

const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))
const commonName = identifier('550403')
const subjectAltName = identifier('551d11')
const day = 86_400_000

/** A self-signed certificate for 127.0.0.1 and localhost, valid from yesterday until tomorrow. Written out here because it needs no program. */
export const selfSignedPem = (): KeyPair => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const name = sequence(piece(0x31, sequence(commonName, utf8('127.0.0.1'))))
  const validity = sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day)))
  const names = sequence(piece(0x87, Buffer.from([127, 0, 0, 1])), piece(0x82, Buffer.from('localhost')))
  const extensions = piece(0xa3, sequence(sequence(subjectAltName, piece(0x04, names))))
  const version = piece(0xa0, piece(0x02, Buffer.from([2])))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const body = sequence(version, piece(0x02, Buffer.from([1])), ecdsaWithSha256, name, validity, name, key, extensions)
  const certificate = sequence(body, ecdsaWithSha256, bits(sign('sha256', body, privateKey)))
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  }
}
