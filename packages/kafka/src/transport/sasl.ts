import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { saslAuthenticateV2, saslHandshakeV1 } from '@platformatic/kafka'
import { failureAt, KafkaError } from '../errors.ts'
import type { Request } from './connection.ts'
import { Walk } from './walk.ts'

/** What only its owner knows, or how to ask for it: it is asked for at each connection. */
export type Secret = string | (() => string | Promise<string>)

/** How a client says who it is. */
export type SaslOptions =
  | { readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'; readonly username: string; readonly password: Secret }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: Secret; readonly extensions?: Readonly<Record<string, string>> | undefined }

/** Every mechanism. */
export const mechanisms: readonly SaslOptions['mechanism'][] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']

/** Sends one message of the exchange and gives the broker's. */
type Exchange = (message: string) => Promise<string>

/** How long a function may take to say a password or a token. */
const secretWaitMs = 30_000
const iterationsMin = 4096
/** A broker that asks for more work than this is not trusted. */
const iterationsMax = 1_000_000

/** Authenticates a connection. Gives the milliseconds for which that holds, 0 for ever. Rejects with SASL_AUTHENTICATION_FAILED, UNSUPPORTED_SASL_MECHANISM. */
export async function authenticate(request: <Answer>(of: Request<Answer>) => Promise<Answer>, sasl: SaslOptions): Promise<number> {
  await request(handshake(sasl.mechanism))
  let lifetime = 0
  const exchange: Exchange = async message => {
    const answer = await request(step(message))
    lifetime = answer.lifetime
    return answer.message
  }
  if (sasl.mechanism === 'OAUTHBEARER') await bearer(exchange, await said(sasl.token), sasl.extensions ?? {})
  else if (sasl.mechanism === 'PLAIN') await exchange(`\0${sasl.username}\0${await said(sasl.password)}`)
  else await scram(exchange, sasl.mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512', sasl.username, await said(sasl.password))
  return lifetime
}

async function bearer(exchange: Exchange, token: string, extensions: Readonly<Record<string, string>>): Promise<void> {
  const more = Object.entries(extensions).map(([name, value]) => `\x01${name}=${value}`)
  const refusal = await exchange(`n,,\x01auth=Bearer ${token}${more.join('')}\x01\x01`)
  // A broker that refuses says why, and says so in the protocol's way when that was confirmed.
  if (refusal !== '') {
    await exchange('\x01')
    throw refused(`the broker refuses the token (${refusal}): give one that is valid now and made for this cluster as \`sasl.token\``)
  }
}

/** RFC 5802. */
async function scram(exchange: Exchange, hash: 'sha256' | 'sha512', username: string, password: string): Promise<void> {
  const nonce = randomBytes(24).toString('base64url')
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  const serverFirst = await exchange(`n,,${first}`)
  const { r = '', s = '', i = '' } = fields(serverFirst)
  const iterations = Number(i)
  if (!r.startsWith(nonce) || r === nonce || !(iterations >= iterationsMin && iterations <= iterationsMax))
    throw refused('the broker does not keep to SCRAM: it may not be who it says')
  const hmac = (key: Buffer, text: string) => createHmac(hash, key).update(text).digest()
  const salted = await promisify(pbkdf2)(password, Buffer.from(s, 'base64'), iterations, hash === 'sha256' ? 32 : 64, hash)
  const clientKey = hmac(salted, 'Client Key')
  const last = `c=${Buffer.from('n,,').toString('base64')},r=${r}`
  const all = `${first},${serverFirst},${last}`
  const signature = hmac(createHash(hash).update(clientKey).digest(), all)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  const { v = '', e } = fields(await exchange(`${last},p=${proof.toString('base64')}`))
  if (e !== undefined) throw refused(e)
  const [theirs, ours] = [Buffer.from(v, 'base64'), hmac(hmac(salted, 'Server Key'), all)]
  if (theirs.length !== ours.length || !timingSafeEqual(theirs, ours))
    throw refused('the broker does not know the password: it may not be who it says')
}

const fields = (message: string): Readonly<Record<string, string>> =>
  Object.fromEntries(message.split(',').map(field => [field.slice(0, 1), field.slice(2)]))

/** What the owner's function says, which may take its time, and may fail now and work later. */
async function said(secret: Secret): Promise<string> {
  if (typeof secret === 'string') return secret
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`nothing was said within ${secretWaitMs} ms`)), secretWaitMs)
  try {
    return await Promise.race([secret(), late.promise])
  } catch (cause) {
    const message = `the password or token cannot be had: ${String((cause as Error)?.message ?? cause)}`
    throw new KafkaError('SECRET_NOT_AVAILABLE', message, { cause, retriable: true })
  } finally {
    clearTimeout(timer)
  }
}

const refused = (why: string): KafkaError => new KafkaError('SASL_AUTHENTICATION_FAILED', why)

/** A list of an older form: its length in four bytes, that of each text in two. */
function textsOf(frame: Buffer, start: number): string[] {
  let at = start + 4
  return Array.from({ length: frame.readInt32BE(start) }, () => {
    const end = at + 2 + frame.readInt16BE(at)
    const text = frame.toString('utf8', at + 2, end)
    at = end
    return text
  })
}

/** Of an older form than all others: without tags. */
const handshake = (mechanism: string): Request<void> => ({
  key: 17,
  version: 1,
  body: [saslHandshakeV1.createRequest(mechanism).buffer],
  tags: { request: false, answer: false },
  parse: frame => {
    const errorCode = frame.readInt16BE(0)
    if (errorCode === 0) return
    const { code } = failureAt(errorCode)
    const known = textsOf(frame, 2).join(', ')
    throw new KafkaError(code, `the broker does not take ${mechanism} at this address: give one of ${known} as \`sasl.mechanism\``)
  },
})

const step = (message: string): Request<{ readonly message: string; readonly lifetime: number }> => ({
  key: 36,
  version: 2,
  body: [saslAuthenticateV2.createRequest(Buffer.from(message)).buffer],
  tags: { request: true, answer: true },
  parse: frame => {
    const walk = new Walk(frame)
    const errorCode = walk.int16()
    const why = walk.text()
    if (errorCode !== 0) throw refused(`${why || 'the broker refuses'} (check who \`sasl\` says that the client is)`)
    return { message: walk.text(), lifetime: walk.int64() }
  },
})
