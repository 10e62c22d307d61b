import { BrokerError, RiachoError, reasonOf } from '@riacho/streams/engine'

/** Every code of this package, with what it means. The message of an error says what to do. */
export const codes = {
  RIACHO_SETTING: 'a setting outside what is allowed',
  RIACHO_CONFIGURATION_FILE: 'a configuration file that is missing, unreadable or no JSON object',
  RIACHO_ENTRY_MISSING: 'the entry file is not there',
  RIACHO_ENTRY_FAILED: 'the entry file threw while it was loaded',
  RIACHO_ENTRY_NO_TOPOLOGY: 'the default export of the entry file is no topology',
  RIACHO_DESCRIPTION: 'a file that is no description of a plan',
  RIACHO_NO_KAFKA: 'a Kafka cluster was named and no client is installed',
  RIACHO_NO_SERDES: 'a command needs the package of Avro and Kafka Connect and it is not installed',
  RIACHO_NO_LMDB: 'state in files was asked for and the package for it is not installed',
  RIACHO_PORT_IN_USE: 'the HTTP port that was asked for is taken',
  RIACHO_HTTP: 'the HTTP server cannot listen',
  RIACHO_JSON_SCHEMA: 'a JSON Schema that is missing, unreadable or no schema',
  RIACHO_INPUT: 'input that cannot be read, or a line of it that is no record',
  RIACHO_OUTPUT: 'standard output that takes no more',
  RIACHO_INTERRUPTED: 'a command that was stopped before it was done',
  RIACHO_PRODUCE: 'records that were on their way when the broker failed',
  RIACHO_FORM: 'a form of keys or values that there is not, or that lacks something',
  RIACHO_UNREADABLE: 'a record that is not of the form that was asked for',
  RIACHO_DATA_DIRECTORY: 'a data directory that is missing, or several and none was named',
  RIACHO_PURGE: 'a purge of dead letters that does not say which',
  RIACHO_REPLAY: 'a replay of dead letters that says two ways',
  RIACHO_TOPIC: 'a topic, or a part of one, that the broker does not have',
  RIACHO_SHUTDOWN_TIMEOUT: 'stopping took longer than allowed',
} as const

/** An error of this package. */
export const failure = (code: keyof typeof codes, message: string, cause?: unknown): RiachoError =>
  new RiachoError(code, message, { cause })

/** What a command tells its user of an error: the code, what happened, what to do, and the cause if the message does not hold it. */
export function explained(thrown: unknown): string {
  if (thrown instanceof BrokerError) return `RIACHO_BROKER_${thrown.code}: ${thrown.message}`
  const reason = reasonOf(thrown)
  const cause = thrown instanceof Error && thrown.cause !== undefined ? reasonOf(thrown.cause) : ''
  return cause === '' || reason.includes(cause) ? reason : `${reason} (${cause})`
}
