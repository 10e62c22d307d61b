import { int64, json, rekey, repartition, text, to, topic } from '@riacho/streams'

interface Order {
  readonly client: string
  readonly cents: number
}
const orders = topic('orders', { key: text, value: json<Order>() })
const nullable = topic('orders', { key: text, value: json<Order>(), nulls: 'keep' })

orders.pipe(to('out', { partition: ({ key, value }, n) => (key.length + value.cents) % n }))
orders.pipe(to('out', { partition: ({ value }) => (value.cents > 0 ? [0, 1] : []) }))
orders.pipe(to('out', { partition: ({ value }) => (value.cents > 0 ? 0 : undefined), onError: 'skip' }))
orders.pipe(to(({ value }) => value.client, { onError: { deadLetter: 'dead' } }))
nullable.pipe(to('out', { partition: ({ value }) => value?.cents }))
orders.pipe(repartition('r', { partition: ({ key }, n) => key.length % n, onError: 'skip' }))
orders.pipe(rekey('r', order => order.client, { partition: ({ key }, n) => key.length % n, onError: { deadLetter: 'dead' } }))
orders.pipe(rekey('r', order => order.cents, { key: int64, partition: ({ key }, n) => key % n }))

// @ts-expect-error a partition is a number
orders.pipe(to('out', { partition: ({ key }) => key }))
// @ts-expect-error partitions are numbers
orders.pipe(to('out', { partition: ({ key }) => [key] }))
// @ts-expect-error unknown field of the value
orders.pipe(to('out', { partition: ({ value }) => value.nope }))
// @ts-expect-error the value may be null
nullable.pipe(to('out', { partition: ({ value }) => value.cents }))
// @ts-expect-error no such policy
orders.pipe(to('out', { onError: 'retry' }))
// @ts-expect-error a dead letter has a topic
orders.pipe(to('out', { onError: { deadLetter: 1 } }))
// @ts-expect-error the key of a rekey is the new one
orders.pipe(rekey('r', order => order.cents, { key: int64, partition: ({ key }) => key.length }))
// @ts-expect-error a topic is a name
orders.pipe(to(({ value }) => value.cents))
