import type { OperatorFunction } from 'rxjs'
import type { StreamRecord } from '../contract/record.ts'
import { RiachoError } from '../errors.ts'
import { deadLettersOf, type ErrorOption, failed } from '../plan/failure.ts'
import { operator, revaluing } from '../plan/operator.ts'

/** A validator that speaks Standard Schema: zod, valibot, arktype; JSON Schema by an adapter. It answers at once: a promise is an error. */
export interface Schema<V> {
  readonly '~standard': {
    readonly validate: (value: unknown) => StandardResult<V> | Promise<StandardResult<V>>
    readonly types?: { readonly input: unknown; readonly output: V } | undefined
  }
}

type StandardResult<V> = { readonly value: V; readonly issues?: undefined } | { readonly issues: readonly Issue[] }
interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Most characters of reasons in one error. */
const reasonCharactersMax = 2000

/**
 * Checks each value and hands on what the schema made of it. A value that it refuses is `RIACHO_INVALID`, with all reasons, under `onError`.
 *
 * @example
 * raw.pipe(validate(orderSchema, { onError: { deadLetter: 'orders-invalid' } }))
 */
export function validate<K, V>(
  schema: Schema<V>,
  options: Required<ErrorOption>,
): OperatorFunction<StreamRecord<K, unknown>, StreamRecord<K, V>> {
  const check = schema['~standard'].validate
  return operator(
    parent => ({ ...revaluing('validate')(parent), ...deadLettersOf(options.onError) }),
    (task, out) => {
      const fail = failed(task, 'validate', options.onError, 'RIACHO_INVALID')
      return record => {
        let result: StandardResult<V> | Promise<StandardResult<V>>
        try {
          result = check(record.value)
          if (result instanceof Promise) throw new TypeError('the schema answers with a promise: use one that is synchronous')
        } catch (thrown) {
          return fail(thrown)
        }
        if (result.issues !== undefined) return fail(new RiachoError('RIACHO_INVALID', reasons(result.issues)))
        out({ key: record.key, value: result.value, timestamp: record.timestamp, headers: record.headers })
      }
    },
  )
}

function reasons(issues: readonly Issue[]): string {
  const all = issues.map(({ message, path }) => {
    const where = (path ?? []).map(step => String(typeof step === 'object' ? step.key : step)).join('.')
    return where === '' ? message : `${where}: ${message}`
  })
  return all.join('; ').slice(0, reasonCharactersMax)
}
