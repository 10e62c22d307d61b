import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ConfluentError } from './errors.ts'

const run = promisify(execFile)
const minuteMs = 60_000

/** Somebody of a realm of Kerberos, and the file with his key. */
export interface Identity {
  readonly principal: string
  readonly keytab: string
}

/**
 * Brings a ticket by `kinit`, and a new one every minute until the function is called that this gives. librdkafka would do so in the main thread of each of its clients, which says
 * nothing to its group meanwhile, and can be closed only afterwards: a KDC that does not answer takes most of a minute. And what `kinit` says would be lost.
 */
export async function keepTicket(identity: Identity, timeoutMs: number, everyMs = minuteMs): Promise<() => void> {
  const ends = new AbortController()
  await kinit(identity, timeoutMs, ends.signal)
  // One that cannot be had now: the last holds on, mostly for hours, and whoever comes too late is told by the brokers.
  const timer = setInterval(() => void kinit(identity, Math.min(timeoutMs, everyMs), ends.signal).catch(() => {}), everyMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    ends.abort()
  }
}

interface KinitFailure {
  readonly code?: number | string | null
  readonly killed?: boolean
  readonly stderr?: string
}

async function kinit({ principal, keytab }: Identity, timeout: number, signal: AbortSignal): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C' }
  await run('kinit', ['-k', '-t', keytab, principal], { env, timeout, signal }).catch((cause: KinitFailure) => {
    if (cause.code === 'ENOENT')
      throw new ConfluentError('CONFIGURATION', 'there is no kinit on PATH: install it (Debian: krb5-user)', { fatal: true, cause })
    const said = cause.killed ? `kinit has not ended after ${timeout} ms` : (cause.stderr ?? '').trim()
    const message = `no ticket for ${principal} by ${keytab}: ${said}`
    if (cause.killed || /cannot contact any kdc/i.test(said))
      throw new ConfluentError('NETWORK_EXCEPTION', message, { retriable: true, cause })
    throw new ConfluentError('SASL_AUTHENTICATION_FAILED', message, { fatal: true, cause })
  })
}
