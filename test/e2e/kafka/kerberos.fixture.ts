/**
 * A client in a process of its own, because libraries of Kerberos are found by variables that are read when a process begins. Writes a transaction and reads it, while the broker wants
 * to know again who it is; prints what it read, or why it was kept out.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConfluentOptions, confluent } from '@riacho/kafka-confluent'
import { type Broker, BrokerError } from '@riacho/streams/engine'
import { readAll } from './reading.ts'

const [options, topic, times] = JSON.parse(process.argv[2]!) as [ConfluentOptions, string, number]

async function writtenAndRead(broker: Broker): Promise<unknown> {
  const at = { topic, partition: 0 }
  await broker.admin.createTopics([{ name: topic, partitions: 1 }])
  const producer = await broker.producer({ transactionalId: topic })
  for (let time = 0; time < times; time++) {
    if (time > 0) await sleep(1200)
    producer.partition(at).append(Date.now(), null, `${time}`)
    await producer.commit()
  }
  const { values } = await readAll(broker, at, times * 2 - 1)
  await producer.close()
  return { values }
}

async function outcome(): Promise<unknown> {
  try {
    const broker = await confluent(options)
    return await writtenAndRead(broker).finally(() => broker.close())
  } catch (thrown) {
    if (!(thrown instanceof BrokerError)) throw thrown
    const { code, message, fatal, retriable } = thrown
    return { failure: { code, message, fatal, retriable } }
  }
}

console.log(JSON.stringify(await outcome()))
