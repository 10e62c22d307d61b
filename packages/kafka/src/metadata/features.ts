import { failureAt } from '../errors.ts'
import type { Request } from '../transport/connection.ts'
import { Walk } from '../transport/walk.ts'

/** What a broker can do. */
export interface Features {
  /** The newest version of each request, by Kafka's number of the request. */
  readonly versions: ReadonlyMap<number, number>
  /** Levels that the whole cluster has agreed on, such as `transaction.version`. */
  readonly finalized: ReadonlyMap<string, number>
}

const finalizedTag = 2

/** Asks a broker what it can do. Its answer alone has no tags in its header, whatever its version. */
export function featuresRequest(): Request<Features> {
  const name = Buffer.from('riacho')
  const text = Buffer.concat([Buffer.from([name.length + 1]), name])
  const tags = { request: true, answer: false }
  return { key: 18, version: 3, body: [text, Buffer.from([2, 0x31, 0])], tags, parse }
}

function parse(frame: Buffer): Features {
  const walk = new Walk(frame)
  const errorCode = walk.int16()
  if (errorCode !== 0) throw failureAt(errorCode)
  const versions = walk.list(() => {
    const key = walk.int16()
    walk.int16()
    return [key, walk.int16()] as const
  })
  walk.int32() // how long the broker asks to be left alone
  let finalized: (readonly [string, number])[] = []
  for (let left = walk.varint(); left > 0; left--) {
    const tag = walk.varint()
    const end = walk.varint() + walk.at
    if (tag === finalizedTag)
      finalized = walk.list(() => {
        const feature = walk.text()
        const level = walk.int16()
        walk.int16()
        return [feature, level] as const
      })
    walk.at = end
  }
  return { versions: new Map(versions), finalized: new Map(finalized) }
}
