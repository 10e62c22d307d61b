import { type Command, InvalidArgumentError } from 'commander'
import type { Surroundings } from '../surroundings.ts'
import { type ConsumeOptions, consume } from './consume.ts'
import { formNames, formOf } from './forms.ts'
import { type Forms, plainLines, recordLines, timeOf } from './line.ts'
import { produce } from './produce.ts'

interface FormFlags {
  readonly key: string
  readonly value: string
  readonly registry?: string
}

interface ProduceFlags extends FormFlags {
  readonly from: string
  readonly keySeparator?: string
  readonly records?: true
  readonly header: readonly (readonly [string, Buffer])[]
  readonly timestamp?: number
  readonly partition?: number
}

interface ConsumeFlags extends FormFlags, Pick<ConsumeOptions, 'fromBeginning' | 'fromOffset' | 'partition' | 'untilEnd' | 'max'> {
  readonly fromTime?: number
  readonly group: string
}

function time(text: string): number {
  try {
    return timeOf(/^\d+$/.test(text) ? Number(text) : text)
  } catch (thrown) {
    throw new InvalidArgumentError((thrown as Error).message)
  }
}

function whole(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Give a whole number, 0 or more.')
}

function header(text: string, before: ProduceFlags['header']): ProduceFlags['header'] {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Give a name and a text as name=text.')
  return [...before, [text.slice(0, at), Buffer.from(text.slice(at + 1))]]
}

/** Adds `produce` and `consume` to the program. */
export function addRecords<F extends object>(program: Command, around: Surroundings<F>): readonly Command[] {
  const formed = (name: string, description: string): Command => {
    const command = program
      .command(`${name} <topic>`)
      .description(description)
      .option('--key <form>', 'the form of keys', 'text')
      .option('--value <form>', `the form of values: ${formNames}`, 'text')
      .option('--registry <url>', 'the address of a schema registry (RIACHO_REGISTRY_URL)')
    around.addPlace(command)
    return command
  }

  const producing = formed('produce', 'write each line of a file as a record')
    .option('--from <file>', "the file; '-' is standard input", '-')
    .option('--key-separator <text>', 'what separates key and value of a line')
    .option('--records', 'each line is a record as consume prints it: {"key":…,"value":…,"headers":…,"timestamp":…,"partition":…}')
    .option('--header <name=text>', 'a header of each record; may be given several times', header, [])
    .option('--timestamp <time>', 'the time of records that have none (default: now)', time)
    .option('--partition <number>', 'the partition of records that have none (default: by the key; without a key in turn)', whole)
    .action((topic: string, flags: F & ProduceFlags) =>
      around.onBroker(flags, false, (broker, signal) =>
        withForms(topic, flags, async forms => {
          await Promise.all([forms.key.prepare(), forms.value.prepare()])
          const { from, keySeparator, records, header: headers, timestamp, partition } = flags
          const read = records ? recordLines(forms) : plainLines(forms, keySeparator)
          const count = await produce(broker, { topic, from, read, headers, timestamp, partition, signal })
          await around.print(`${count} records written to ${topic}`)
        }),
      ),
    )

  const consuming = formed('consume', 'print the records of a topic as lines of JSON, also while an application runs')
    .option('--from-beginning', 'from the first record')
    .option('--from-offset <number>', 'from this offset', whole)
    .option('--from-time <time>', 'of all that there are, those of this time or later', time)
    .option('--group <name>', 'from where this consumer group is, without joining it', 'none')
    .option('--partition <number>', 'only this partition', whole)
    .option('--until-end', 'print what there is and end')
    .option('--max <count>', 'end after so many records', around.positive)
    .action((topic: string, flags: F & ConsumeFlags) =>
      around.onBroker(flags, true, (broker, signal) =>
        withForms(topic, flags, async forms => {
          const { fromBeginning = false, fromOffset, fromTime: since, partition, untilEnd = false, max, group } = flags
          const fromGroup = group === 'none' ? undefined : group
          const start = { fromBeginning: fromBeginning || since !== undefined, fromOffset, fromGroup, since }
          await consume(broker, { topic, forms, ...start, partition, untilEnd, max, signal }, around.print)
        }),
      ),
    )
  return [producing, consuming]
}

/** Opens the forms that the flags name, runs `work` and closes them. */
async function withForms(topic: string, { key, value, registry }: FormFlags, work: (forms: Forms) => Promise<void>): Promise<void> {
  const place = { topic, registry: registry ?? (process.env.RIACHO_REGISTRY_URL || undefined) }
  const forms: Forms = { key: await formOf(key, { ...place, part: 'key' }), value: await formOf(value, { ...place, part: 'value' }) }
  try {
    await work(forms)
  } finally {
    forms.key.close()
    forms.value.close()
  }
}
