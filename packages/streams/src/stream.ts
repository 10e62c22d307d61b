import { Observable, type OperatorFunction } from 'rxjs'
import type { Node } from './contract/node.ts'
import type { Change, StreamRecord } from './contract/record.ts'
import { RiachoError } from './errors.ts'

/** Marks Streams of any copy of this package. */
const mark = Symbol.for('riacho.node')

/**
 * A plan: an Observable that only holds a frozen node. Operators called on it draw the next node; nothing runs until a topology of it is opened by an engine.
 * Subscribing throws `RIACHO_PLAN_SUBSCRIBED`, an operator that is not Riacho's throws `RIACHO_RX_OPERATOR`.
 */
export class Stream<T> extends Observable<T> {
  readonly node: Node
  readonly [mark] = true

  constructor(node: Node) {
    super()
    this.node = node
  }

  override pipe(): Stream<T>
  override pipe<A>(a: OperatorFunction<T, A>): Stream<A>
  override pipe<A, B>(a: OperatorFunction<T, A>, b: OperatorFunction<A, B>): Stream<B>
  override pipe<A, B, C>(a: OperatorFunction<T, A>, b: OperatorFunction<A, B>, c: OperatorFunction<B, C>): Stream<C>
  override pipe<A, B, C, D>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
  ): Stream<D>
  override pipe<A, B, C, D, E>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
  ): Stream<E>
  override pipe<A, B, C, D, E, F>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
  ): Stream<F>
  override pipe<A, B, C, D, E, F, G>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
    g: OperatorFunction<F, G>,
  ): Stream<G>
  override pipe<A, B, C, D, E, F, G, H>(
    a: OperatorFunction<T, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
    g: OperatorFunction<F, G>,
    h: OperatorFunction<G, H>,
  ): Stream<H>
  override pipe(...operators: OperatorFunction<never, unknown>[]): Stream<unknown> {
    let at: unknown = this
    for (const operator of operators) {
      at = operator(at as Observable<never>)
      if (!isStream(at)) {
        throw new RiachoError(
          'RIACHO_NOT_A_PLAN',
          `an operator after '${this.node.label}' returned something that is not a Stream: use Riacho's operators, or rx(operator)`,
        )
      }
    }
    return at as Stream<unknown>
  }

  override lift<R>(): Observable<R> {
    throw new RiachoError(
      'RIACHO_RX_OPERATOR',
      `an rxjs operator was drawn on '${this.node.label}': wrap it as rx(operator) if it keeps no memory, else use Riacho's own operator of that kind`,
    )
  }

  override subscribe(): never {
    throw new RiachoError(
      'RIACHO_PLAN_SUBSCRIBED',
      `'${this.node.label}' is a plan and holds no records: run its topology, or use the test driver`,
    )
  }

  override forEach(): never {
    return this.subscribe()
  }
}

/** A stream of records in Kafka Streams' sense. */
export type KStream<K, V> = Stream<StreamRecord<K, V>>

/** A stream of a table's changes. */
export type KTable<K, V> = Stream<Change<K, V>>

/** Whether a value is a plan, made by any copy of this package. */
export function isStream(value: unknown): value is Stream<unknown> {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[mark] === true
}
