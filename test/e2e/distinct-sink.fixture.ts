// A system to write to, in a process of its own that a test can stop and wake: each request's lines are in the file before it is answered.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

const file = openSync(process.argv[2]!, 'a')
const server = createServer((request, response) => {
  void text(request).then(async lines => {
    // Slow enough that a run lasts for some kills.
    await new Promise(resolve => setTimeout(resolve, 15))
    writeSync(file, lines)
    fsyncSync(file)
    response.end()
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as { port: number }).port))
process.on('SIGTERM', () => {
  closeSync(file)
  process.exit(0)
})
