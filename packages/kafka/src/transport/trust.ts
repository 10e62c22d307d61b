/** What OpenSSL calls certificates that nobody vouches for. */
const unknownAuthority = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** A broker that wants to know who the client is says so by an alert. */
const refused = /ALERT_(?:CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|UNSUPPORTED_CERTIFICATE|NO_CERTIFICATE)/

/** Why two sides that speak TLS do not trust each other, and what to do; undefined when an error is about something else. */
export function distrust({ code = '', message }: { readonly code?: string | undefined; readonly message: string }): string | undefined {
  if (unknownAuthority.has(code))
    return `nobody who is trusted here vouches for the broker’s certificate (${message}): give its authority’s as \`tls.ca\``
  if (code === 'CERT_HAS_EXPIRED') return `the broker’s certificate is no longer valid (${message}): renew it at the broker`
  if (code === 'CERT_NOT_YET_VALID') return `the broker’s certificate is not valid yet (${message}): compare the clocks of both machines`
  if (code === 'CERT_REVOKED') return `the broker’s certificate was revoked (${message}): renew it at the broker`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the broker’s certificate is for another name (${message}): have brokers advertise that name, or give it as \`tls.servername\``
  if (refused.test(code))
    return `the broker does not accept this client’s certificate (${message}): give one as \`tls.cert\` and \`tls.key\``
  return undefined
}
