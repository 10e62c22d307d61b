import { BatchCursor, BatchEncoder } from '@riacho/streams/engine'
import { decompress } from '../compression.ts'

/** The records of a batch in two batches, as far as possible of as many records. */
export function halvesOf(batch: Buffer, records: number): readonly [BatchEncoder, BatchEncoder] {
  const halves = [new BatchEncoder(), new BatchEncoder()] as const
  const cursor = new BatchCursor(batch, 0, batch.length, 0, { decompress })
  while (cursor.next()) {
    const { offset, timestamp, keyFrame, keyStart, keyEnd, valueFrame, valueStart, valueEnd } = cursor
    const key = keyStart < 0 ? null : keyFrame.subarray(keyStart, keyEnd)
    const value = valueStart < 0 ? null : valueFrame.subarray(valueStart, valueEnd)
    halves[offset < records / 2 ? 0 : 1].append(timestamp, key, value, cursor.headers())
  }
  return halves
}
