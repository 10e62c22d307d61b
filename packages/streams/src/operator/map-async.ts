import type { OperatorFunction } from 'rxjs'
import { type AsyncOptions, gateOf, stageFacts } from '../async/options.ts'
import { stage } from '../async/stage.ts'
import type { StreamRecord } from '../contract/record.ts'
import { operator, revaluing } from '../plan/operator.ts'

/**
 * Makes a new value of each value by asynchronous work. Bounded, retried and given up by its signal; calls for one key never overlap. After a failure it may be
 * called again for the same record.
 *
 * @example
 * orders.pipe(mapAsync(async (order, _record, signal) => (await fetch(priceOf(order), { signal })).json(), { retry: { retriesMax: 5 } }))
 */
export function mapAsync<K, V, R>(
  f: (value: V, record: StreamRecord<K, V>, signal: AbortSignal) => Promise<R>,
  options: Omit<AsyncOptions, 'batch'> = {},
): OperatorFunction<StreamRecord<K, V>, StreamRecord<K, R>> {
  const gate = gateOf(options)
  return operator(
    parent => ({ ...revaluing('mapAsync')(parent), ...stageFacts(parent, 'mapAsync', options, true) }),
    (task, out, asked) =>
      stage<StreamRecord<K, V>, StreamRecord<K, R>>(
        task,
        out,
        'mapAsync',
        asked,
        { ...options, batch: { recordsMax: 1, wait: 0 } },
        {
          run: async ([record], signal, [tried]) => {
            const { key, timestamp, headers } = record!
            return [{ key, value: await f(tried!.value, tried!, signal), timestamp, headers }]
          },
        },
        gate,
      ),
  )
}
