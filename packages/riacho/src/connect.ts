import { type ConnectCluster, type ConnectorStatus, connectCluster, failuresOf, readConnectors } from '@riacho/connect'
import type { Command } from 'commander'
import { failure } from './errors.ts'

interface ConnectFlags {
  readonly connect?: string
}

interface ApplyFlags extends ConnectFlags {
  readonly within: number
}

const defaultUrl = 'http://localhost:8083'

/** Adds `connect apply|status|delete` to the program. */
export function addConnect(
  program: Command,
  { print, positive }: { readonly print: (line: string) => Promise<void>; readonly positive: (text: string) => number },
): readonly Command[] {
  const connect = program.command('connect').description('apply, look at and delete connectors of Kafka Connect')
  const named = (name: string, description: string): Command =>
    connect
      .command(name)
      .description(description)
      .option('--connect <url>', `the REST interface of a worker (RIACHO_CONNECT_URL, else ${defaultUrl})`)

  const apply = named('apply <path>', 'make connectors be as a .json file, or the .json files of a folder, say; again changes nothing')
    .option('--within <seconds>', 'how long they may take to run', positive, 60)
    .action(async (path: string, { within, ...flags }: ApplyFlags) => {
      const cluster = clusterOf(flags)
      // All are read before the first is applied.
      for (const definition of readConnectors(path)) {
        await print(`${definition.name}: ${await cluster.apply(definition)}`)
        await print(lineOf(await cluster.running(definition.name, within * 1000)))
      }
    })

  const status = named(
    'status [names...]',
    'print how connectors and their tasks are; exit code 1 when one has failed or is missing',
  ).action(async (names: string[], flags: ConnectFlags) => {
    const cluster = clusterOf(flags)
    for (const name of names.length === 0 ? await cluster.names() : names) {
      const found = await cluster.status(name)
      await print(found === undefined ? `${name}: there is none` : lineOf(found))
      if (found === undefined || failuresOf(found).length > 0) process.exitCode = 1
    }
  })

  const remove = named('delete <names...>', 'delete connectors; those that are not there are deleted already').action(
    async (names: string[], flags: ConnectFlags) => {
      const cluster = clusterOf(flags)
      for (const name of names) await print(`${name}: ${(await cluster.delete(name)) ? 'deleted' : 'there was none'}`)
    },
  )
  return [connect, apply, status, remove]
}

function clusterOf({ connect }: ConnectFlags): ConnectCluster {
  const url = connect ?? (process.env.RIACHO_CONNECT_URL || defaultUrl)
  if (!URL.canParse(url))
    throw failure('RIACHO_INPUT', `what --connect or RIACHO_CONNECT_URL says is no address of a worker: give one such as ${defaultUrl}`)
  return connectCluster({ url })
}

const lineOf = ({ name, state, reason, tasks }: ConnectorStatus): string => {
  const parts = tasks.map(task => `task ${task.id} ${task.state}${task.reason === undefined ? '' : ` (${task.reason})`}`)
  return `${name}: ${[`${state}${reason === undefined ? '' : ` (${reason})`}`, ...parts].join(', ')}`
}
