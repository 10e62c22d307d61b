import { expect, it } from 'vitest'
import { distrust } from './trust.ts'

it.each([
  ['SELF_SIGNED_CERT_IN_CHAIN', /tls\.ca/],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', /tls\.ca/],
  ['CERT_HAS_EXPIRED', /renew/],
  ['CERT_NOT_YET_VALID', /clocks/],
  ['CERT_REVOKED', /renew/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /tls\.servername/],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /tls\.cert/],
  ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /tls\.cert/],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /tls\.cert/],
])('%s says what to do', (code, what) => {
  expect(distrust({ code, message: 'as OpenSSL says it' })).toMatch(what)
  expect(distrust({ code, message: 'as OpenSSL says it' })).toContain('as OpenSSL says it')
})

it('other failures are not about trust', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'ERR_SSL_WRONG_VERSION_NUMBER', undefined])
    expect(distrust({ code, message: '' })).toBe(undefined)
})
