// `npm run servers`: the servers of the event processor on this machine, without containers, until Ctrl-C.
import { once } from 'node:events'
import { environmentOf, startServers } from './all.ts'

const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
console.log('starting Kafka, Connect, a schema registry, Cassandra, DynamoDB Local and ElasticMQ (downloads them the first time) …')
const servers = await startServers()
const variables = Object.entries(environmentOf(servers)).map(([name, value]) => `export ${name}=${value}`)
console.log(`
Kafka            ${servers.kafka.address}
Connect          ${servers.connect.url}
schema registry  ${servers.registry.url}
Cassandra        ${servers.cassandra.host}:${servers.cassandra.port}
DynamoDB Local   ${servers.dynamodb.endpoint}
ElasticMQ        ${servers.elasticMq.endpoint}

In another terminal:

${variables.join('\n')}
npx node examples/event-processor/generate.ts events.txt
sed "s#/data#$PWD#" examples/event-processor/resource/file-source.json > file-source.json
npx node examples/event-processor/prepare.ts
npx riacho connect apply file-source.json
npx riacho run examples/event-processor/production.ts --guarantee exactly-once --keep-stream-time true --commit-drain-ms 20000

Ctrl-C stops them and removes their data.`)
await stopped
console.log('\nstopping …')
await servers.stop()
