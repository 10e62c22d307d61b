import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Broker } from '@riacho/streams/engine'
import { node, riachoFile, until } from '../event-processor.fixture.ts'
import { residentBytes } from './absence.ts'

const appFile = fileURLToPath(new URL('soak-app.fixture.ts', import.meta.url))
const partitions = 3
const recordBytes = 1_000
/** The disk holds the last of each topic only. */
const retained = { 'retention.bytes': String(1 << 30), 'segment.bytes': String(64 << 20), 'retention.ms': '-1' }
/** What waits for the application at most: beyond that the writer waits, too. */
const behindMax = 256 << 20

/** How much goes through an application in what time. */
export interface SoakPlan {
  readonly address: string
  readonly bytes: number
  readonly milliseconds: number
  readonly guarantee: 'at-least-once' | 'exactly-once'
  /** How often the process is looked at. */
  readonly everyMs: number
}

/** The application's process at a moment. */
export interface Sample {
  readonly seconds: number
  readonly bytes: number
  readonly resident: number
  readonly descriptors: number
  /** Records that it has taken. */
  readonly taken: number
}

/** What came of it. */
export interface SoakResult {
  readonly samples: readonly Sample[]
  readonly written: number
  readonly taken: number
  readonly code: number | null
  readonly error: string
}

/** Sends so much at an even rate through an application that runs by the command, and looks at its process from outside. */
export async function soak(broker: Broker, plan: SoakPlan, told: (sample: Sample) => void): Promise<SoakResult> {
  const topics = ['soak-in', 'soak-out', 'soak-counts'].map(name => ({ name, partitions, config: retained }))
  await broker.admin.createTopics(topics)
  const flags = ['-b', plan.address, '--guarantee', plan.guarantee, '--commit-interval-ms', '100', '--http-port', '0']
  const started = node(riachoFile, ['run', appFile, ...flags])
  const { child, text } = started
  const urlOf = (): string | undefined => /"url":"([^"]+)"/.exec(text.error)?.[1]
  const taken = async (): Promise<number> => {
    const metrics = await (await fetch(`${urlOf()}/metrics`)).text()
    return Number(/^riacho_records_in_total (\d+)/m.exec(metrics)?.[1] ?? 0)
  }
  const samples: Sample[] = []
  let written = 0
  const began = performance.now()
  const look = async (): Promise<void> => {
    const seconds = Math.round((performance.now() - began) / 1000)
    const descriptors = readdirSync(`/proc/${child.pid}/fd`).length
    samples.push({ seconds, bytes: written * recordBytes, resident: residentBytes(child.pid!), descriptors, taken: await taken() })
    told(samples.at(-1)!)
  }
  try {
    await until(() => text.error.includes('state RUNNING') || child.exitCode !== null, 'the application runs', 60_000)
    const producer = await broker.producer({})
    const total = Math.ceil(plan.bytes / recordBytes)
    let looked = performance.now()
    while (written < total && child.exitCode === null) {
      const due = Math.min(total, Math.ceil((total * (performance.now() - began)) / plan.milliseconds))
      for (const end = Math.min(due, written + 20_000); written < end; written++) append(producer, written)
      await producer.flush()
      if (performance.now() - looked >= plan.everyMs) {
        looked = performance.now()
        await look()
      }
      const behind = (written - (samples.at(-1)?.taken ?? written)) * recordBytes
      if (behind > behindMax) while (child.exitCode === null && (written - (await taken())) * recordBytes > behindMax / 2) await sleep(100)
      await sleep(20)
    }
    await producer.close()
    await until(async () => child.exitCode !== null || (await taken()) >= written, 'everything is taken', 120_000)
    await look()
    child.kill('SIGTERM')
    const { code, error } = await started.ended
    return { samples, written, taken: samples.at(-1)!.taken, code, error }
  } finally {
    child.kill('SIGKILL')
  }
}

const filling = 'abcdefghijklmnopqrstuvwxyz'.repeat(40)

function append(producer: Awaited<ReturnType<Broker['producer']>>, n: number): void {
  const sensor = `sensor-${n % 5_000}`
  const start = `{"sensor":"${sensor}","value":${n},"text":"`
  producer
    .partition({ topic: 'soak-in', partition: n % partitions })
    .append(Date.now(), sensor, `${start}${filling.slice(0, recordBytes - sensor.length - start.length - 2)}"}`)
}

/** By how many bytes the samples' resident memory grows from the first to the last, as a straight line through them says. */
export function growthOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length
  const [seconds, resident] = [mean(sample => sample.seconds), mean(sample => sample.resident)]
  const steep = mean(sample => (sample.seconds - seconds) * (sample.resident - resident)) / mean(sample => (sample.seconds - seconds) ** 2)
  return steep * (samples.at(-1)!.seconds - samples[0]!.seconds)
}
