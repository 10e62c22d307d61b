import type { Observable, OperatorFunction } from 'rxjs'
import type { Asked, Node } from '../contract/node.ts'
import type { Emit, Task } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { type PlainInputs, runPlain } from '../plain/run.ts'
import { isStream, Stream } from '../stream.ts'
import { makeNode, type NodeSpec } from './node.ts'

/** The behaviour of an operator with one input: its input for one task. */
export type Open<A, B> = (task: Task, out: Emit<B>, asked: Asked) => Emit<A>

/**
 * One definition, two lives: on a Stream it draws a node with these facts, on any other Observable it runs at once with a task of its own.
 * `facts` sees the parent and may refuse it.
 */
export function operator<A, B>(facts: (parent: Node) => Omit<NodeSpec, 'parents' | 'open'>, open: Open<A, B>): OperatorFunction<A, B> {
  return (source: Observable<A>): Observable<B> => {
    if (!isStream(source)) return runPlain([source], (task, out: Emit<B>, asked) => [open(task, out, asked)])
    const parent = source.node
    return new Stream<B>(
      makeNode({
        ...facts(parent),
        parents: Object.freeze([parent]),
        open: (task, out, asked) => [open(task, out as Emit<B>, asked) as Emit],
      }),
    )
  }
}

/**
 * An operator with several inputs: on Streams it draws a node with these facts, on plain Observables it runs at once. `open` makes one input per parent. Throws
 * `RIACHO_MIXED` when only some inputs are Streams.
 */
export function combined<B>(
  sources: readonly Observable<unknown>[],
  facts: (parents: readonly Node[]) => Omit<NodeSpec, 'parents' | 'open'>,
  open: (task: Task, out: Emit<B>, asked: Asked) => readonly Emit<never>[],
  plain?: PlainInputs,
): Observable<B> {
  const streams = sources.filter(isStream)
  if (streams.length === 0) return runPlain(sources, open, plain)
  if (streams.length < sources.length)
    throw new RiachoError('RIACHO_MIXED', 'Streams and plain Observables do not meet: make all inputs Streams, or none')
  const parents = Object.freeze(streams.map(stream => stream.node))
  return new Stream<B>(
    makeNode({ ...facts(parents), parents, open: (task, out, asked) => open(task, out as Emit<B>, asked) as readonly Emit[] }),
  )
}

/** Facts of a step that keeps key and value. */
export const passing =
  (label: string) =>
  (parent: Node): Omit<NodeSpec, 'parents' | 'open'> => ({
    kind: 'step',
    label,
    key: parent.key,
    value: parent.value,
    partitioned: parent.partitioned,
  })

/** Facts of a step that keeps the key and makes a new value. */
export const revaluing =
  (label: string) =>
  (parent: Node): Omit<NodeSpec, 'parents' | 'open'> => ({ kind: 'step', label, key: parent.key, partitioned: parent.partitioned })
