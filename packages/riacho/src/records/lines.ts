import { createReadStream } from 'node:fs'
import { reasonOf } from '@riacho/streams/engine'

/** Most bytes of one line. */
export const lineBytesMax = 64 << 20

/** The lines of a file as bytes, without their line ends: those that came together at once. `-` is standard input. Rejects with what is wrong with it. */
export async function* linesOf(from: string): AsyncGenerator<readonly Buffer[]> {
  let pieces: Buffer[] = []
  let bytes = 0
  const chunks = (from === '-' ? process.stdin : createReadStream(from)) as AsyncIterable<Buffer>
  try {
    for await (const chunk of chunks) {
      const lines: Buffer[] = []
      let start = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        lines.push(withoutReturn(Buffer.concat([...pieces, chunk.subarray(start, end)])))
        pieces = []
        bytes = 0
        start = end + 1
      }
      if (start < chunk.length) pieces.push(chunk.subarray(start))
      bytes += chunk.length - start
      if (lines.length > 0) yield lines
      if (bytes > lineBytesMax) throw new RangeError(`the next line has more than ${lineBytesMax} bytes: is it text?`)
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).syscall === undefined) throw thrown
    throw new Error(`it cannot be read (${reasonOf(thrown)})`, { cause: thrown })
  }
  if (pieces.length > 0) yield [withoutReturn(Buffer.concat(pieces))]
}

const withoutReturn = (line: Buffer): Buffer => (line.at(-1) === 13 ? line.subarray(0, -1) : line)
