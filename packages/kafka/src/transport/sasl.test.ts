import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { expect, it, vi } from 'vitest'
import type { Request } from './connection.ts'
import { authenticate } from './sasl.ts'

const [iterationsMin, iterationsMax] = [4096, 1_000_000]
const sasl = { mechanism: 'SCRAM-SHA-256', username: 'ana,=b', password: 'palavra' } as const
const handshake = 17

/** A broker that answers each message of an exchange by `answer`; it has heard what is in `heard`. */
function brokerOf(answer: (message: string, heard: readonly string[]) => string) {
  const heard: string[] = []
  const request = async <Answer>({ key, body, parse }: Request<Answer>): Promise<Answer> => {
    if (key === handshake) return parse(Buffer.from([0, 0]))
    // Behind one byte of length, before one of tags.
    const message = Buffer.concat([...body])
      .subarray(1, -1)
      .toString()
    const said = Buffer.from(answer(message, heard))
    heard.push(message)
    const lifetime = Buffer.alloc(9)
    lifetime.writeInt32BE(2500, 4)
    const length = [((said.length + 1) & 127) | 128, (said.length + 1) >> 7]
    return parse(Buffer.concat([Buffer.from([0, 0, 0, ...length]), said, lifetime]))
  }
  return { request, heard }
}

/** What an honest broker says, so far as it is not told otherwise. */
const scram =
  ({ iterations = iterationsMin, nonce = 'theirs', password = sasl.password as string } = {}) =>
  (message: string, heard: readonly string[]): string => {
    const first = (text: string) => `r=${/r=(.*)/.exec(text)![1]}${nonce},s=c2FsdA==,i=${iterations}`
    if (heard.length === 0) return first(message)
    const [last, proof] = message.split(',p=') as [string, string]
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
    const salted = pbkdf2Sync(password, 'salt', iterations, 32, 'sha256')
    const all = `${heard[0]!.slice(3)},${first(heard[0]!)},${last}`
    const clientKey = hmac(salted, 'Client Key')
    const signature = hmac(createHash('sha256').update(clientKey).digest(), all)
    const right = Buffer.from(proof, 'base64').every((byte, i) => (byte ^ signature[i]!) === clientKey[i])
    return right || password !== sasl.password ? `v=${hmac(hmac(salted, 'Server Key'), all).toString('base64')}` : 'e=invalid-proof'
  }

it('proves that it knows the password, has the broker prove the same, and learns how long that holds', async () => {
  const { request, heard } = brokerOf(scram())
  expect(await authenticate(request, sasl)).toBe(2500)
  expect(heard[0]).toMatch(/^n,,n=ana=2C=3Db,r=.{20,}$/)
  expect(heard.join()).not.toContain(sasl.password)
})

it.each([
  ['asks for too little work', scram({ iterations: iterationsMin - 1 })],
  ['asks for too much work', scram({ iterations: iterationsMax + 1 })],
  ['adds nothing to the nonce', scram({ nonce: '' })],
  ['does not know the password', scram({ password: 'guessed' })],
  ['refuses', (_: string, heard: readonly string[]) => (heard.length === 0 ? scram()(_, heard) : 'e=other-error')],
])('turns away from a broker that %s', async (_, answer) => {
  await expect(authenticate(brokerOf(answer).request, sasl)).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED', fatal: true })
})

it('asks for a secret when it needs it', async () => {
  const { request, heard } = brokerOf(() => '')
  await authenticate(request, { mechanism: 'PLAIN', username: 'ana', password: async () => 'late' })
  await authenticate(request, { mechanism: 'OAUTHBEARER', token: () => 'a.b.', extensions: { tenant: 'x' } })
  expect(heard).toEqual(['\0ana\0late', 'n,,\x01auth=Bearer a.b.\x01tenant=x\x01\x01'])
})

it.each([
  ['throws', () => Promise.reject(new Error('503'))],
  ['says nothing', () => new Promise<string>(() => {})],
])('a function for a secret that %s now may work later', async (what, token) => {
  const secretWaitMs = 30_000
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const refused = authenticate(brokerOf(() => '').request, { mechanism: 'OAUTHBEARER', token })
    const seen = expect(refused).rejects.toMatchObject({ code: 'SECRET_NOT_AVAILABLE', retriable: true, fatal: false })
    if (what === 'says nothing') await vi.advanceTimersByTimeAsync(secretWaitMs)
    await seen
  } finally {
    vi.useRealTimers()
  }
})

it('says which mechanisms the broker takes when it does not take this one', async () => {
  const names = ['PLAIN', 'OAUTHBEARER'].map(name => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name)]))
  const answer = Buffer.concat([Buffer.from([0, 33, 0, 0, 0, 2]), ...names])
  const refusing = async <Answer>({ parse }: Request<Answer>): Promise<Answer> => parse(answer)
  await expect(authenticate(refusing, sasl)).rejects.toMatchObject({
    code: 'UNSUPPORTED_SASL_MECHANISM',
    fatal: true,
    message: expect.stringContaining('does not take SCRAM-SHA-256 at this address: give one of PLAIN, OAUTHBEARER as `sasl.mechanism`'),
  })
})
