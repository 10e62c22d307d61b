import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { embedded } from '@riacho/embedded'
import type { Broker } from '@riacho/streams/engine'
import type { Cluster } from './cluster.ts'
import { confluentOptions } from './confluent.ts'
import { failure } from './errors.ts'

/** Where the embedded broker of an application keeps its data unless a folder is named. */
export const dataRoot = '.riacho'

/** Which broker to open: the cluster, if there is one, else the embedded one in a directory. */
export interface BrokerChoice {
  readonly cluster?: Cluster | undefined
  /** Which client talks to the cluster. Default: ours. */
  readonly client?: 'riacho' | 'confluent' | undefined
  readonly directory: string
  readonly readOnly?: boolean
}

/** The client of a real cluster is a package of its own, installed by those who need it. */
const loadClient = () => import('@riacho/kafka')

/** Opens a broker. Rejects with `RIACHO_NO_KAFKA`, or with the broker's error. `load` brings the client of a cluster. */
export async function openBroker(
  { cluster, client, directory, readOnly = false }: BrokerChoice,
  load: () => Promise<Pick<Awaited<ReturnType<typeof loadClient>>, 'kafka'>> = loadClient,
): Promise<Broker> {
  if (cluster === undefined) return embedded({ directory, readOnly })
  if (client === 'confluent') return (await import('@riacho/kafka-confluent')).confluent(confluentOptions(cluster))
  if (cluster.kerberos !== undefined) throw failure('RIACHO_SETTING', 'sasl.mechanism is GSSAPI: Kerberos needs --client confluent')
  const { kafka } = await load().catch((thrown: unknown) => {
    const message = `${cluster.bootstrapServers} needs the Kafka client: install @riacho/kafka, or leave -b out to use the embedded broker`
    throw failure('RIACHO_NO_KAFKA', message, thrown)
  })
  const { warnings: _, kerberos: __, ...options } = cluster
  return kafka(options)
}

/** The folder that was named, or the only one below `.riacho`. Throws `RIACHO_DATA_DIRECTORY`. */
export function chosenDirectory(named: string | undefined): string {
  if (named !== undefined) return named
  const folders = existsSync(dataRoot) ? readdirSync(dataRoot, { withFileTypes: true }).filter(entry => entry.isDirectory()) : []
  if (folders.length === 1) return join(dataRoot, folders[0]!.name)
  const found = folders.length === 0 ? 'there is none here' : `there are ${folders.map(({ name }) => join(dataRoot, name)).join(', ')}`
  throw failure('RIACHO_DATA_DIRECTORY', `which application's data? ${found}: name it with --data-dir`)
}
