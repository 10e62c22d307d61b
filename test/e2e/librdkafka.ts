import { strictEqual } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { type Codec, kafka } from '@riacho/kafka'
import { startKafka } from '../servers/kafka.ts'
import { readAll } from './kafka/reading.ts'

// Batches of all codecs from and to librdkafka, by kcat: `node test/e2e/librdkafka.ts`. What it writes is kept in packages/kafka/src/librdkafka.fixture.ts for every run.

const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const values = Array.from({ length: 500 }, (_, i) => `valor ${i} ${'çã'.repeat(i % 60)}`)
const lines = `${values.join('\n')}\n`

function kcat(input: string, ...args: readonly string[]): string {
  try {
    return execFileSync('kcat', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    throw new Error('kcat is not on PATH: install it (Debian: apt-get install kcat)', { cause })
  }
}

kcat('', '-V')
const server = await startKafka()
try {
  for (const codec of codecs) {
    const [theirs, ours] = [`theirs-${codec}`, `ours-${codec}`]
    const broker = await kafka({ brokers: [server.address], compression: codec, poisonLoans: true })
    await broker.admin.createTopics([theirs, ours].map(name => ({ name, partitions: 1 })))
    for (const transactional of [[], ['-X', `transactional.id=${codec}`]])
      kcat(lines, '-P', '-b', server.address, '-t', theirs, '-p', '0', '-z', codec, ...transactional)
    const read = await readAll(broker, { topic: theirs, partition: 0 }, 2 * values.length + 1)
    strictEqual(read.values.join('\n'), [...values, ...values].join('\n'), `librdkafka’s ${codec}`)
    const producer = await broker.producer({ transactionalId: `ours-${codec}`, batchBytesMax: 5_000 })
    for (const end of ['abort', 'commit'] as const) {
      for (const value of values) producer.partition({ topic: ours, partition: 0 }).append(Date.now(), null, value)
      await producer.flush()
      await producer[end]()
    }
    const checks = ['-X', 'check.crcs=true', '-X', 'isolation.level=read_committed']
    strictEqual(kcat('', '-C', '-b', server.address, '-t', ours, '-o', 'beginning', '-e', ...checks), lines, `our ${codec}`)
    await broker.close()
    console.log(`${codec}: ${2 * values.length} records of librdkafka read, ${values.length} of ours read by librdkafka`)
  }
} finally {
  await server.stop()
}
