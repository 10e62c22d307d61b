import { isDeepStrictEqual } from 'node:util'
import { kafka } from '@riacho/kafka'
import type { Broker, BrokerError, Membership, Producer, TopicPartition } from '@riacho/streams/engine'
import type { Fate, KafkaProxy } from '../../servers/proxy.ts'
import { joined } from './member.ts'
import { readAll } from './reading.ts'

/** Kafka's numbers of requests. */
export const requests = { produce: 0, addPartitions: 24, addOffsets: 25, endTransaction: 26, transactionOffsets: 28 }

/** Longer than the client waits for an answer. */
const delayMs = 800
const requestTimeoutMs = 500

/** What happens while transactions are made. */
export interface FaultPlan {
  readonly transactionVersion: 1 | 2
  readonly fates: readonly Fate[]
  readonly faults: number
}

/** Where transactions are made. */
export interface FaultyPlace {
  /** Past the proxy. */
  readonly broker: Broker
  readonly proxy: KafkaProxy
  /** Of two partitions, and of one. */
  readonly topic: string
  readonly input: string
  readonly id: string
}

/** What became of them. */
export interface FaultyResult {
  readonly rounds: number
  readonly faults: number
  /** How often the producer was replaced, because an outcome was unknown. */
  readonly replaced: number
  /** What is lost, doubled, torn or reordered. */
  readonly differences: readonly string[]
}

/** Makes transactions, each with an input's offset, until so many requests met their fate; some are aborted on purpose. */
export async function transactUnderFaults({ broker, proxy, topic, input, id }: FaultyPlace, plan: FaultPlan): Promise<FaultyResult> {
  const { transactionVersion, fates, faults } = plan
  const { self, until } = await joined(broker, id, input)
  await until(1)
  const through = await kafka({ brokers: [`127.0.0.1:${proxy.port}`], transactionVersion, requestTimeoutMs })
  const before = proxy.faults
  // One more than an application makes in a round, so that each kind of them has its turn.
  proxy.mischief = { fates, requests: Object.values(requests), every: 5, delayMs }
  const work = { broker: through, admin: broker, id, topic, input, member: self }
  const { rounds, replaced } = await transact(work, () => proxy.faults - before >= faults)
  proxy.mischief = undefined

  const expected = Array.from({ length: rounds }, (_, round) => [`${round} a`, `${round} b`]).flat()
  const differences: string[] = []
  for (const partition of [0, 1]) {
    const { values } = await readAll(broker, { topic, partition }, await stableEnd(broker, { topic, partition }))
    if (!isDeepStrictEqual(values, expected)) differences.push(`partition ${partition}: ${firstDifference(values, expected)}`)
  }
  const [committed] = await broker.admin.committed(id, [{ topic: input, partition: 0 }])
  if (committed?.offset !== rounds) differences.push(`the offset is ${committed?.offset}, not ${rounds}`)
  await through.close()
  await self.leave()
  return { rounds, faults: proxy.faults - before, replaced, differences }
}

/** The end when no transaction is open: its marker may come a moment after it is decided. */
async function stableEnd(broker: Broker, at: TopicPartition): Promise<number> {
  for (;;) {
    const [ends] = await broker.admin.offsets([at])
    if (ends!.lastStable === ends!.highWatermark) return ends!.lastStable
  }
}

function firstDifference(values: readonly (string | null)[], expected: readonly string[]): string {
  const at = [...expected, undefined].findIndex((value, i) => value !== values[i])
  return `of ${values.length} values, ${expected.length} expected, the one at ${at} is '${values[at]}', not '${expected[at]}'`
}

interface Work {
  readonly broker: Broker
  readonly admin: Broker
  readonly id: string
  readonly topic: string
  readonly input: string
  readonly member: Membership
}

/** As an application works: a round that failed is done again, and after an unknown outcome the committed offset says where to go on. */
async function transact(work: Work, enough: () => boolean): Promise<{ rounds: number; replaced: number }> {
  const { broker, admin, id, input } = work
  const at = { topic: input, partition: 0 }
  let producer: Producer | undefined
  let replaced = -1
  let round = 0
  while (!enough()) {
    if (producer === undefined) {
      producer = await broker.producer({ transactionalId: id })
      round = (await admin.admin.committed(id, [at]))[0]?.offset ?? 0
      replaced++
    }
    try {
      await makeRound(producer, work, round)
      round++
    } catch (thrown) {
      producer = (await isUsable(producer, thrown as BrokerError)) ? producer : undefined
    }
  }
  await producer?.close()
  return { rounds: (await admin.admin.committed(id, [at]))[0]?.offset ?? 0, replaced }
}

async function makeRound(producer: Producer, { topic, input, member }: Work, round: number): Promise<void> {
  const write = async (value: string) => {
    for (const partition of [0, 1]) producer.partition({ topic, partition }).append(Date.now(), null, value)
    await producer.flush()
  }
  if (round % 4 === 3) {
    await write(`${round} aborted`)
    await producer.abort()
  }
  for (const letter of ['a', 'b']) await write(`${round} ${letter}`)
  await producer.sendOffsets(member, [{ topic: input, partition: 0, offset: round + 1 }])
  await producer.commit()
}

async function isUsable(producer: Producer, { abortable }: BrokerError): Promise<boolean> {
  if (abortable) {
    try {
      await producer.abort()
      return true
    } catch {
      // The outcome is unknown.
    }
  }
  await producer.close()
  return false
}
