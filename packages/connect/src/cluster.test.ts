import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { connectCluster } from './cluster.ts'

it('takes no address that holds a password, and does not repeat it', () => {
  for (const url of ['http://user:hush@localhost:8083', 'ftp://user:hush@localhost', 'user:hush@localhost']) {
    let told = ''
    try {
      connectCluster({ url })
    } catch (thrown) {
      told = String(thrown)
    }
    expect(told).toContain('RIACHO_OPTION')
    expect(told).not.toContain('hush')
  }
})

it('what finds nothing anywhere has made no connector', async () => {
  const server = createServer((_, answer) => answer.writeHead(404).end('nothing here'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  const cluster = connectCluster({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/wrong`, retriesMax: 0 })
  await expect(cluster.apply({ name: 'a', config: {} })).rejects.toMatchObject({ code: 'RIACHO_CONNECT' })
  server.close()
})
