import { expect, it } from 'vitest'
import { failureAt, failureOf, KafkaError } from './errors.ts'
import { javaErrors } from './java-errors.fixture.ts'

const retriableFamilies = ['RetriableException', 'RefreshRetriableException', 'InvalidMetadataException']
const configurationFamilies = ['AuthenticationException', 'AuthorizationException', 'InvalidConfigurationException']

/** Retriable here, as in the handlers of Java's clients, though their exceptions are not marked so. */
const retriableToo = ['REBALANCE_IN_PROGRESS', 'BROKER_NOT_AVAILABLE', 'TRANSACTION_COORDINATOR_FENCED']
/** Not here: only share groups have them, which this client does not join. */
const retriableNot = ['SHARE_SESSION_LIMIT_REACHED']
/** About one batch or one topic: what else is sent may be right. */
const aboutOne = ['INVALID_TOPIC_EXCEPTION', 'RECORD_LIST_TOO_LARGE', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', 'INVALID_RECORD']
/** Java's clients give up at these, too. */
const fatalToo = [
  'FENCED_INSTANCE_ID',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_TRANSACTION_TIMEOUT',
  'GROUP_MAX_SIZE_REACHED',
  'POLICY_VIOLATION',
]

it.each(javaErrors)('error %i is Java’s %s', (number, name, _, family) => {
  const { code, retriable, fatal, message } = failureAt(number, { topic: 't', partition: 3 })
  expect({ code, retriable, fatal }).toEqual({
    code: name,
    retriable: (retriableFamilies.includes(family) || retriableToo.includes(name)) && !retriableNot.includes(name),
    fatal: (configurationFamilies.includes(family) && !aboutOne.includes(name)) || fatalToo.includes(name),
  })
  expect(message).toMatch(/^[A-Z_]+: .+ \(t, partition 3\)$/)
})

it('who is fenced, and who must join again', () => {
  const all = javaErrors.map(([number]) => failureAt(number) as KafkaError)
  const fenced = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'INVALID_PRODUCER_ID_MAPPING', 'FENCED_INSTANCE_ID', 'PRODUCER_FENCED']
  expect(all.filter(each => each.fenced).map(each => each.code)).toEqual(fenced)
  const rejoin = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']
  expect(all.filter(each => each.rejoin).map(each => each.code)).toEqual(rejoin)
  expect(all.filter(each => each.abortable).map(each => each.code)).toEqual(['TRANSACTION_ABORTABLE'])
  // Java has them recover by a new producer or member. An epoch that is no longer valid may be one that the cluster ended: the producer finds out.
  const recoverable = javaErrors.filter(([, , , family]) => family === 'ApplicationRecoverableException').map(([, name]) => name)
  expect(recoverable.filter(name => !fenced.includes(name))).toEqual(['INVALID_PRODUCER_EPOCH'])
})

it('an error of a number that nobody knows says the number', () => {
  expect(failureAt(9999)).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', retriable: false })
})

it('of an answer with several failures the one that cannot be tried again decides', () => {
  const nested = {
    message: 'Received response with error',
    errors: [{ errors: [{ apiId: 'NOT_LEADER_OR_FOLLOWER' }] }, { apiId: 'TOPIC_AUTHORIZATION_FAILED', message: 'no' }],
  }
  expect(failureOf(nested)).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', retriable: false, fatal: true, cause: nested })
  expect(failureOf({ errors: [{ apiId: 'NOT_LEADER_OR_FOLLOWER' }] })).toMatchObject({ retriable: true })
  // One partition failed, and the others were not tried for it.
  const untried = { apiId: 'OPERATION_NOT_ATTEMPTED' }
  for (const code of ['UNKNOWN_TOPIC_OR_PARTITION', 'TOPIC_AUTHORIZATION_FAILED'])
    expect(failureOf({ errors: [untried, { apiId: code }, untried] })).toMatchObject({ code })
  expect(failureOf({ errors: [untried] })).toMatchObject({ code: 'OPERATION_NOT_ATTEMPTED' })
  const own = new KafkaError('CLOSED', 'x')
  expect(failureOf(own)).toBe(own)
  expect(failureOf('odd')).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', retriable: false, fatal: false })
})
