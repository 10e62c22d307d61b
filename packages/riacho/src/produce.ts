import { createReadStream } from 'node:fs'
import { type Broker, type Producer, partitionOf, reasonOf } from '@riacho/streams/engine'
import { failure } from './errors.ts'

/** What `produce` writes where. */
export interface ProduceOptions {
  readonly topic: string
  /** A file of one record per line; `-` is standard input. */
  readonly from: string
  /** What separates key and value of a line. Default: no keys. */
  readonly keySeparator?: string | undefined
}

/** Bytes that may wait in the producer before they are flushed. */
const bufferedBytes = 8 << 20

/** Writes each line of a file as a record; its bytes are kept as they are. Resolves with how many once all are durable. Rejects with `RIACHO_INPUT`. */
export async function produce(broker: Broker, options: ProduceOptions): Promise<number> {
  await broker.admin.createTopics([{ name: options.topic, partitions: 1 }])
  const partitions = (await broker.admin.partitions([options.topic])).get(options.topic) ?? 1
  const producer = await broker.producer({})
  let count = 0
  try {
    for await (const line of linesOf(options.from)) {
      append(producer, options, line, partitions, count++)
      if (producer.bufferedBytes > bufferedBytes) await producer.flush()
    }
    await producer.flush()
  } finally {
    await producer.close()
  }
  return count
}

function append(producer: Producer, { topic, keySeparator }: ProduceOptions, line: Buffer, partitions: number, count: number): void {
  const at = keySeparator === undefined ? -1 : line.indexOf(keySeparator)
  const key = at < 0 ? null : line.subarray(0, at)
  const value = at < 0 ? line : line.subarray(at + Buffer.byteLength(keySeparator!))
  const partition = key === null ? count % partitions : partitionOf(key, partitions)
  producer.partition({ topic, partition }).append(Date.now(), key, value)
}

/** The lines of a file as bytes, without their line ends. */
async function* linesOf(from: string): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = []
  const chunks = (from === '-' ? process.stdin : createReadStream(from)) as AsyncIterable<Buffer>
  try {
    for await (const chunk of chunks) {
      let start = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        yield withoutReturn(Buffer.concat([...pieces, chunk.subarray(start, end)]))
        pieces = []
        start = end + 1
      }
      if (start < chunk.length) pieces.push(chunk.subarray(start))
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).syscall === undefined) throw thrown
    throw failure('RIACHO_INPUT', `${from} cannot be read (${reasonOf(thrown)}): correct the path or its permissions`, thrown)
  }
  if (pieces.length > 0) yield withoutReturn(Buffer.concat(pieces))
}

const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === 13 ? line.subarray(0, -1) : line)
