import { type Command, InvalidArgumentError } from 'commander'
import { failure } from '../errors.ts'
import type { Surroundings } from '../surroundings.ts'
import type { LetterFilter } from './letters.ts'
import { listLetters } from './list.ts'
import { purgeLetters } from './purge.ts'
import { replayLetters } from './replay.ts'
import { showLetters } from './show.ts'

interface ReplayFlags {
  readonly to?: string
  readonly intoStage?: true
  readonly rate?: number
  readonly max?: number
}

function time(text: string): number {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('Give a time as 2026-11-21T12:00:00Z.')
  return at
}

/** Adds `dlq list|show|replay|purge` to the program. */
export function addDlq<F extends object>(program: Command, { addPlace, onBroker, print, positive }: Surroundings<F>): readonly Command[] {
  const dlq = program.command('dlq').description('look at dead letters, replay and delete them')

  const filtered = (name: string, description: string): Command => {
    const command = dlq
      .command(`${name} <topic>`)
      .description(description)
      .option('--code <code>', "only with this error's code")
      .option('--source <topic>', 'only records of this topic')
      .option('--node <name>', 'only of the stage with this name')
      .option('--key <text>', 'only with this key')
      .option('--since <time>', 'only put aside at this time or later', time)
      .option('--until <time>', 'only put aside before this time', time)
    addPlace(command)
    return command
  }

  const list = filtered('list', 'count them by code, source topic and stage').action((topic: string, flags: F & LetterFilter) =>
    onBroker(flags, true, async (broker, signal) => {
      for (const group of await listLetters(broker, topic, flags, signal)) await print(JSON.stringify(group))
    }),
  )

  const show = filtered('show', 'print them as lines of JSON: the record, and why, where and when it failed')
    .option('--max <count>', 'end after so many', positive)
    .action((topic: string, flags: F & LetterFilter & { readonly max?: number }) =>
      onBroker(flags, true, (broker, signal) => showLetters(broker, topic, flags, print, signal)),
    )

  const replay = filtered('replay', 'write their records again, each once, into the topics that they came from')
    .option('--to <topic>', 'into this topic instead')
    .option('--into-stage', 'into the stage that failed instead, if it has retry topics: nothing before the stage is done again')
    .option('--rate <count>', 'so many records a second at most', positive)
    .option('--max <count>', 'end after so many', positive)
    .option('--again', 'also those that were replayed before')
    .action((topic: string, flags: F & LetterFilter & ReplayFlags) =>
      onBroker(flags, false, async (broker, signal) => {
        if (flags.to !== undefined && flags.intoStage) throw failure('RIACHO_REPLAY', 'where to? Give one of --to TOPIC and --into-stage')
        await print(JSON.stringify(await replayLetters(broker, topic, { ...flags, signal })))
      }),
    )

  const purge = dlq
    .command('purge <topic>')
    .description('delete them from the beginning up to the first one that has to stay')
    .option('--replayed', 'those that were replayed')
    .option('--before <time>', 'those that were put aside before this time', time)
    .option('--all', 'all')
    .action((topic: string, flags: F & { readonly replayed?: true; readonly before?: number; readonly all?: true }) =>
      onBroker(flags, false, async (broker, signal) => {
        const { replayed, before, all } = flags
        if ([replayed, before, all].filter(one => one !== undefined).length !== 1)
          throw failure('RIACHO_PURGE', 'which letters may go? Give one of --replayed, --before TIME and --all')
        const which = all ? { all } : before !== undefined ? { before } : { replayed: true as const }
        await print(JSON.stringify({ purged: await purgeLetters(broker, topic, which, signal) }))
      }),
    )
  addPlace(purge)
  return [dlq, list, show, replay, purge]
}
