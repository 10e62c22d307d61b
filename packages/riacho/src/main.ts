#!/usr/bin/env node
import { once } from 'node:events'
import { warnings } from '@riacho/streams'
import { type Broker, reasonOf } from '@riacho/streams/engine'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { addAvro } from './avro.ts'
import { chosenDirectory, openBroker } from './broker.ts'
import { type Cluster, clusterOf, kafkaVariableOf } from './cluster.ts'
import { allowedSettings, configure, flagOf, type Settings, variableOf } from './configuration.ts'
import { addConnect } from './connect.ts'
import { type DescriptionFormat, descriptionFormats } from './describe.ts'
import { differenceOf } from './diff.ts'
import { addDlq } from './dlq/command.ts'
import { explained, failure } from './errors.ts'
import { loadTopology } from './load.ts'
import { harmless } from './log.ts'
import { addRecords } from './records/command.ts'
import { run } from './run.ts'
import { stopSignal } from './signals.ts'

const exitCode = { fine: 0, failed: 1, usage: 2 } as const

/** Options of `run` that name settings; their own flags come from the table of settings. */
interface RunFlags extends Readonly<Record<string, unknown>> {
  readonly config?: string
  readonly untilEnd?: boolean
}

interface PlaceFlags {
  readonly dataDir?: string
  readonly bootstrapServers?: string
  readonly commandConfig?: string
  readonly client?: string
}

const short: Readonly<Record<string, string>> = { bootstrapServers: '-b, ' }

const clusterHelp = `
A cluster with TLS or SASL is described by a file in the form of Kafka's own tools (--command-config), and by the environment,
where sasl.password is ${kafkaVariableOf('sasl.password')}:
  security.protocol=SASL_SSL
  sasl.mechanism=SCRAM-SHA-512
  sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="…" password="…";
  ssl.truststore.type=PEM
  ssl.truststore.location=ca.pem`

function addSettings(command: Command, names: readonly string[]): Command {
  for (const { name, allowed } of allowedSettings.filter(setting => names.includes(setting.name))) {
    command.option(`${short[name] ?? ''}${flagOf(name)} <value>`, `${allowed} (${variableOf(name)})`)
  }
  command.addHelpText('after', clusterHelp)
  return command
}

function positive(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number above 0.')
}

const place = ['dataDir', 'bootstrapServers', 'commandConfig', 'client'] as const

/** The settings of a command that only reads or writes a topic: a cluster, or the folder of an application. */
function placeOf(flags: PlaceFlags): { cluster: Cluster | undefined; client: Settings['client']; directory: string } {
  const named = Object.fromEntries(place.map(name => [name, flags[name]]))
  const settings: Settings = configure({ environment: process.env, flags: named })
  const cluster = clusterOf({ ...settings, environment: process.env })
  return { cluster, client: settings.client, directory: cluster === undefined ? chosenDirectory(settings.dataDir) : '' }
}

function commandLine(): Command {
  const program = new Command('riacho').description('Runs stream topologies on the embedded broker or on Kafka.')
  const running = program
    .command('run <file>')
    .description('run the topology that FILE exports as default')
    .option('--until-end', 'end when all input that there is has been processed')
    .option('--config <file>', 'settings as JSON (default: riacho.config.json, if there is one)')
  addSettings(
    running,
    allowedSettings.map(({ name }) => name),
  ).action(runFile)

  program
    .command('describe <file>')
    .description('print the plan of the topology')
    .addOption(new Option('--format <format>', 'how').choices(Object.keys(descriptionFormats)).default('text'))
    .action(async (file: string, { format }: { format: DescriptionFormat }) => {
      const topology = await loadTopology(file)
      for (const { node, message } of warnings(topology)) process.stderr.write(`warning: '${node}': ${message}\n`)
      process.stdout.write(descriptionFormats[format](topology))
    })

  program
    .command('diff <old> <new>')
    .description(
      'say what state a change of the plan would break or lose (exit code 1), of two files as for run, or of JSON as describe prints it',
    )
    .action(async (old: string, now: string) => {
      const { text, grave } = await differenceOf(old, now)
      process.stdout.write(text)
      if (grave) process.exitCode = exitCode.failed
    })

  const around = { addPlace: (command: Command) => addSettings(command, place), onBroker, print, positive }
  const others = [
    ...addRecords<PlaceFlags>(program, around),
    ...addDlq<PlaceFlags>(program, around),
    ...addAvro(program, print),
    ...addConnect(program, { print, positive }),
  ]
  // Usage errors are thrown, so that they end with their own exit code.
  for (const command of [program, ...program.commands, ...others]) command.exitOverride().showHelpAfterError('(--help shows what there is)')
  return program
}

async function runFile(file: string, { config, untilEnd, ...flags }: RunFlags): Promise<void> {
  const settings = configure({ file: config, environment: process.env, flags })
  await run(await loadTopology(file), { settings, untilEnd: untilEnd ?? false })
}

async function onBroker(flags: PlaceFlags, readOnly: boolean, work: (broker: Broker, signal: AbortSignal) => Promise<void>): Promise<void> {
  const broker = await openBroker({ ...placeOf(flags), readOnly })
  const stop = new AbortController()
  const stopping = stopSignal()
  void stopping.first.then(() => stop.abort())
  let broken: NodeJS.ErrnoException | undefined
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `riacho consume … | head -1` closes the pipe: that is no failure.
    if (error.code !== 'EPIPE') broken ??= error
    stop.abort()
  })
  try {
    await work(broker, stop.signal)
    if (broken !== undefined)
      throw failure('RIACHO_OUTPUT', `standard output cannot be written: ${reasonOf(broken)}; what is there is not all`, broken)
  } finally {
    stopping.dispose()
    await broker.close()
  }
}

/** Waits while the reader of standard output is slow; a reader that is gone has what it wanted. */
async function print(line: string): Promise<void> {
  if (process.stdout.write(`${line}\n`) || process.stdout.writableEnded || process.stdout.destroyed) return
  const over = new AbortController()
  await Promise.race(['drain', 'close'].map(event => once(process.stdout, event, over))).catch(() => {})
  over.abort()
}

async function main(): Promise<number> {
  try {
    await commandLine().parseAsync()
    return process.exitCode === undefined ? exitCode.fine : exitCode.failed
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCode.fine : exitCode.usage
    process.stderr.write(`${harmless(explained(thrown))}\n`)
    return exitCode.failed
  }
}

/** Resolves when a stream has handed everything to the system: a pipe takes 64 KiB at once. */
const flushed = (stream: NodeJS.WriteStream): Promise<void> => new Promise(resolve => stream.write('', () => resolve()))

const code = await main()
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
// Ends here even if a connector left a handle open: everything that matters is closed.
process.exit(code)
