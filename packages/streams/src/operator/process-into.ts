import type { StreamRecord } from '../contract/record.ts'
import type { Serde } from '../contract/serde.ts'
import type { Emit } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { makeNode } from '../plan/node.ts'
import { type ForwardedSerdes, opened, type ProcessingContext, type ProcessorOptions, processing } from '../processor/context.ts'
import { isStream, type KStream, Stream } from '../stream.ts'

/** What a processor with several outputs may do: `Ks` and `Vs` are the types of keys and values by output. */
export interface ProcessIntoContext<Ks, Vs> extends ProcessingContext {
  /** Hands a record on to one output, at once and depth first (Kafka Streams: `forward(record, childName)`). */
  forward<N extends keyof Ks & keyof Vs & string>(record: StreamRecord<Ks[N], Vs[N]>, output: N): void
}

/** What a processor with several outputs uses, and the outputs by name, each with the serdes of what is forwarded to it. */
export interface ProcessIntoOptions<Ks, Vs> extends ProcessorOptions {
  readonly outputs: { readonly [N in keyof Ks]: { readonly key?: Serde<Ks[N]> } } & {
    readonly [N in keyof Vs]: { readonly value?: Serde<Vs[N]> }
  }
}

/**
 * A processor of the user's own with several outputs, each a stream (Kafka Streams: `KStream.process` with `forward(record, childName)`). With stores it needs a stream
 * that is partitioned by its key, unless `keyed: false`; no output is. Exists in plans only.
 *
 * @example
 * const { large, small } = processInto(orders, 'by-size', context => record => context.forward(record, record.value.cents > 100_000 ? 'large' : 'small'), {
 *   outputs: { large: { key: text, value: json<Order>() }, small: { key: text, value: json<Order>() } },
 * })
 */
export function processInto<K, V, Ks, Vs>(
  stream: KStream<K, V>,
  name: string,
  processor: (context: ProcessIntoContext<Ks, Vs>) => (record: StreamRecord<K, V>) => void,
  options: ProcessIntoOptions<Ks, Vs>,
): { readonly [N in keyof Ks & keyof Vs]: KStream<Ks[N], Vs[N]> } {
  if (!isStream(stream)) throw new RiachoError('RIACHO_PLAN_ONLY', 'processInto exists in plans only: use process on a plain Observable')
  const { node: parent } = stream
  const names = new Set(Object.keys(options.outputs))
  const split = makeNode({
    ...processing(name, options)(parent),
    parents: Object.freeze([parent]),
    open: (task, out) => {
      const forward: Emit<never> = (record, output) => {
        if (!names.has(output!)) throw unknown(name, output, names)
        out(record, output)
      }
      return [opened(task, { name, options, forward, processor }) as Emit]
    },
  })
  const outputs: Readonly<Record<string, ForwardedSerdes<unknown, unknown>>> = options.outputs
  const streams = Object.entries(outputs).map(([port, { key, value }]) => {
    const label = `${name}:${port}`
    return [
      port,
      new Stream(makeNode({ kind: 'step', label, port, parents: Object.freeze([split]), key, value, open: (_task, out) => [out] })),
    ]
  })
  return Object.freeze(Object.fromEntries(streams)) as ReturnType<typeof processInto<K, V, Ks, Vs>>
}

const unknown = (name: string, output: string | undefined, names: ReadonlySet<string>): RiachoError =>
  new RiachoError('RIACHO_OPTION', `'${name}' forwards to '${output}', which is none of its outputs: ${[...names].join(', ')}`, {
    place: { node: name },
  })
