import type { Observable, OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import type { StoreSpec } from '../contract/task.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf } from '../plan/failure.ts'
import type { NodeSpec } from '../plan/node.ts'
import { combined, operator } from '../plan/operator.ts'
import { isStream } from '../stream.ts'
import {
  checked,
  type JoinStores,
  type StreamJoin,
  type StreamJoiner,
  type StreamJoinOptions,
  storesOf,
  type UnmatchedOption,
} from './stream-plan.ts'
import { openSelfJoin } from './stream-self.ts'
import { openSides } from './stream-sides.ts'

/** Draws or runs a join of two streams. Throws `RIACHO_NAME`, `RIACHO_OPTION`, `RIACHO_NOT_PARTITIONED`, `RIACHO_NO_SERDE`, `RIACHO_MIXED`. */
export function streamJoin<K, L, R, O>(
  how: StreamJoin['how'],
  name: string,
  right: Observable<StreamRecord<K, R>>,
  f: StreamJoiner<K, never, never, O>,
  options: StreamJoinOptions<unknown, unknown> & UnmatchedOption & { readonly singleStore?: boolean },
): OperatorFunction<StreamRecord<K, L>, StreamRecord<K, O>> {
  const join = checked(how, name, f as StreamJoin['f'], options)
  return source => {
    const nodes = isStream(source) && isStream(right) ? ([source.node, right.node] as const) : undefined
    const stores = storesOf(join, nodes, options)
    if (options.singleStore) {
      checkSelf(join, source, right)
      return operator<StreamRecord<K, L>, StreamRecord<K, O>>(
        () => factsOf(join, stores, [stores.left]),
        (task, out) => openSelfJoin(task, out as never, join, stores) as never,
      )(source)
    }
    return combined<StreamRecord<K, O>>(
      [source, right],
      () => ({
        ...factsOf(join, stores, [stores.left, stores.right, ...(stores.unmatched === undefined ? [] : [stores.unmatched])]),
        alone: aloneOf(join, stores),
      }),
      (task, out, asked) => openSides(task, out as never, asked, join, stores),
    )
  }
}

/** What an optimized plan makes of a join of a stream with itself, of a left or outer one too (Kafka Streams: `rewriteSingleStoreSelfJoin`). */
const aloneOf = (join: StreamJoin, stores: JoinStores): NonNullable<NodeSpec['alone']> => ({
  stores: Object.freeze([stores.left]),
  open: (task, out) => [openSelfJoin(task, out as never, join, stores) as never],
})

function checkSelf({ how, name }: StreamJoin, left: Observable<unknown>, right: Observable<unknown>): void {
  const same = isStream(left) && isStream(right) ? left.node === right.node : left === right
  if (how === 'inner' && same) return
  throw new RiachoError('RIACHO_OPTION', `'${name}': singleStore is for an inner join of a stream with itself`, { place: { node: name } })
}

const neverMeets = 'both sides are kept for before + after + grace, which is 0, so no record meets another: give it a grace of 1'

const factsOf = (
  { how, name, options, before, after, grace }: StreamJoin,
  { key }: JoinStores,
  stores: readonly StoreSpec[],
): Omit<NodeSpec, 'parents' | 'open'> => ({
  kind: 'join',
  label: name,
  key,
  partitioned: true,
  keyed: true,
  timed: true,
  takesNullKeys: how !== 'inner',
  stores: Object.freeze(stores),
  ...(before + after + grace === 0 && { cautions: Object.freeze([neverMeets]) }),
  ...deadLettersOf(options.onError),
})
