import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Broker, BrokerError, Producer, TopicPartition } from '@riacho/streams/engine'
import type { KafkaServer } from '../../servers/kafka.ts'
import { taken } from './reading.ts'

/** When what happens. */
export interface ClientOutagePlan {
  /** Transactions before the kill, and after the return. */
  readonly rounds: number
  readonly awayMs: number
}

/** What happened. */
export interface ClientOutageResult {
  readonly records: number
  readonly transactions: number
  /** What is lost, doubled or reordered for read_committed. */
  readonly differences: readonly string[]
  /** Resident bytes before the kill, and the most from then on. */
  readonly memory: { readonly before: number; readonly most: number }
}

const partitions = [0, 1, 2, 3]
/** As an application: it appends no more while so much waits. */
const bufferedBytesMax = 16 << 20
const burst = 10
const pauseMs = 5
const filling = 'x'.repeat(400)

/** A producer, one with transactions and a reader, in this process all the time, while the only broker is killed, away, and back. */
export async function outageOfClients(
  server: KafkaServer,
  broker: Broker,
  topic: string,
  plan: ClientOutagePlan,
): Promise<ClientOutageResult> {
  const place = (partition: number): TopicPartition => ({ topic, partition })
  const stopping = new AbortController()
  const reader = new Reader(broker, topic)
  const reading = reader.run()
  const plain = writePlainly(await broker.producer({}), place, stopping.signal)
  const transactions = new Transactions(broker, place, reader)
  const transacting = transactions.run(stopping.signal)
  const failed = Promise.all([reading, plain, transacting]).then(() => {})
  const during = <Value>(work: Promise<Value>): Promise<Value> => Promise.race([work, failed.then(() => work)])

  await during(transactions.until(plan.rounds))
  const memory = new Memory()
  // A transaction whose end is decided and not seen yet may stay open for ever in Kafka 4.3.1 (see KafkaServer.restart).
  await during(transactions.atOpenTransaction(() => server.kill()))
  await during(sleep(plan.awayMs))
  await during(server.restart())
  await during(transactions.until(transactions.rounds + plan.rounds))
  stopping.abort()
  const [records, rounds] = await during(Promise.all([plain, transacting]))
  await during(reader.until(records / partitions.length, rounds))
  reader.stop()
  await failed
  return { records, transactions: rounds, differences: reader.differences(records / partitions.length, rounds), memory: memory.stop() }
}

/** The highest resident memory of a time. */
class Memory {
  readonly #before = process.memoryUsage.rss()
  #most = this.#before
  readonly #timer = setInterval(() => {
    this.#most = Math.max(this.#most, process.memoryUsage.rss())
  }, 100)

  stop(): ClientOutageResult['memory'] {
    clearInterval(this.#timer)
    return { before: this.#before, most: this.#most }
  }
}

/** Gives the number of records that are durable. */
async function writePlainly(producer: Producer, place: (partition: number) => TopicPartition, stop: AbortSignal): Promise<number> {
  let next = 0
  let flushed = Promise.resolve()
  while (!stop.aborted) {
    if (producer.bufferedBytes < bufferedBytesMax) {
      // Not older: a broker that restarts forgets producers whose last batch is older than a day.
      const now = Date.now()
      for (const end = next + burst; next < end; next++)
        for (const partition of partitions) producer.partition(place(partition)).append(now, null, `p ${next} ${filling}`)
      flushed = Promise.all([flushed, producer.flush()]).then(() => {})
    } else await flushed
    await sleep(pauseMs)
  }
  await flushed
  await producer.close()
  return next * partitions.length
}

class Transactions {
  readonly #broker: Broker
  readonly #place: (partition: number) => TopicPartition
  readonly #reader: Reader
  #open: (() => void) | undefined
  /** Committed. */
  rounds = 0

  constructor(broker: Broker, place: (partition: number) => TopicPartition, reader: Reader) {
    this.#broker = broker
    this.#place = place
    this.#reader = reader
  }

  async until(rounds: number): Promise<void> {
    while (this.rounds < rounds) await sleep(pauseMs)
  }

  /** Does it while a transaction is open, and everything before it has been seen. */
  atOpenTransaction(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open = () => void work().then(resolve, reject)
    })
  }

  /** Gives the number of committed transactions. */
  async run(stop: AbortSignal): Promise<number> {
    const producer = await this.#broker.producer({ transactionalId: 'outage' })
    while (!stop.aborted) {
      try {
        for (const partition of partitions) producer.partition(this.#place(partition)).append(Date.now(), null, `t ${this.rounds}`)
        await producer.flush()
        if (this.#open !== undefined) await this.#reader.until(0, this.rounds)
        this.#open?.()
        this.#open = undefined
        await producer.commit()
        this.rounds++
      } catch (thrown) {
        // The cluster aborts what is open for too long.
        if (!(thrown as BrokerError).abortable) throw thrown
        await producer.abort()
      }
      await sleep(pauseMs)
    }
    await producer.close()
    return this.rounds
  }
}

/** Keeps the numbers of what it has seen, not the records. */
class Reader {
  readonly #broker: Broker
  readonly #topic: string
  readonly #plain = partitions.map((): number[] => [])
  readonly #transacted = partitions.map((): number[] => [])
  #stopped = false

  constructor(broker: Broker, topic: string) {
    this.#broker = broker
    this.#topic = topic
  }

  async run(): Promise<void> {
    const fetcher = this.#broker.fetcher({ isolation: 'read_committed', partitionBytesMax: 1 << 18 })
    for (const partition of partitions) fetcher.add({ topic: this.#topic, partition }, 0)
    while (!this.#stopped)
      for (const slice of await fetcher.poll(100))
        for (const value of taken(slice).values) {
          const seen = value!.startsWith('p') ? this.#plain : this.#transacted
          seen[slice.partition]!.push(Number.parseInt(value!.slice(2), 10))
        }
    fetcher.close()
  }

  stop(): void {
    this.#stopped = true
  }

  async until(records: number, rounds: number): Promise<void> {
    const missing = (seen: readonly number[][], count: number) => seen.some(numbers => (numbers.at(-1) ?? -1) < count - 1)
    while (missing(this.#plain, records) || missing(this.#transacted, rounds)) await sleep(10)
  }

  differences(records: number, rounds: number): string[] {
    const all = (count: number) => Array.from({ length: count }, (_, i) => i)
    return partitions.flatMap(partition => [
      ...difference(`records of partition ${partition}`, this.#plain[partition]!, all(records)),
      ...difference(`transactions of partition ${partition}`, this.#transacted[partition]!, all(rounds)),
    ])
  }
}

function difference(what: string, seen: readonly number[], expected: readonly number[]): string[] {
  if (isDeepStrictEqual(seen, expected)) return []
  const at = seen.findIndex((number, i) => number !== expected[i])
  return [`${what}: ${seen.length} of ${expected.length}; behind ${seen[at - 1]} comes ${seen[at]}`]
}
