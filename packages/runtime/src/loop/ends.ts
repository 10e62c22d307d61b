import type { Admin } from '@riacho/streams/engine'
import type { Input } from '../task/input.ts'
import type { OpenTask } from '../task/open.ts'

/** What is left to read of one partition: records, or of a connector what it counts in. */
export interface Lag {
  readonly topic: string
  readonly partition: number
  readonly records: number
}

/** Inputs that the fetcher fills: those of topics. */
export const topicsOf = ({ task }: OpenTask): readonly Input[] => task.inputs.filter(input => input.name === input.at.topic)

/** Whether every input of the task has been read to its end and everything is committed. */
export async function isAtEnd(open: OpenTask, admin: Admin): Promise<boolean> {
  const { task, readers } = open
  if (task.dirty || task.held > 0 || task.inputs.some(input => !input.empty)) return false
  for (const reader of readers) if (!(await reader.atEnd())) return false
  const topics = topicsOf(open)
  const ends = await admin.offsets(topics.map(input => input.at))
  return topics.every((input, i) => input.position >= (ends[i]?.lastStable ?? 0))
}

/** What is left to read, by input of these tasks; the broker is asked once, and whatever connectors say. Of a connector that does not know it is missing. */
export async function lagsOf(tasks: readonly OpenTask[], admin: Admin): Promise<readonly Lag[]> {
  const readers = tasks.flatMap(task => task.readers)
  const asked = Promise.all(readers.map(reader => reader.lag()))
  // A connector's is of its positions: that the broker answers is worth to know, too.
  const inputs = tasks.flatMap(({ task }) => task.inputs)
  const ends = inputs.length === 0 ? [] : await admin.offsets(inputs.map(input => input.at))
  const topics = new Set(tasks.flatMap(topicsOf))
  const lags = (await asked).flatMap((records, i): readonly Lag[] => {
    const { name, at } = readers[i]!.input
    return records === undefined ? [] : [{ topic: name, partition: at.partition, records }]
  })
  const left = inputs.map((input, i) => ({ ...input.at, records: Math.max(0, (ends[i]?.highWatermark ?? 0) - input.position) }))
  return [...lags, ...left.filter((_, i) => topics.has(inputs[i]!))]
}
