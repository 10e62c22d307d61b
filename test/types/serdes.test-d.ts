import { type AvroSchema, avro, avroBinary, avroKey, connectJson, debezium, schemaRegistry } from '@riacho/serdes'
import { type KStream, type Serde, text, topic } from '@riacho/streams'

interface Pulse {
  readonly tenant: string
  readonly amount: string
}

const registry = schemaRegistry({ url: 'http://localhost:8081' })
const schema = { type: 'record', name: 'Pulse', fields: [{ name: 'tenant', type: 'string' }] } as const

topic('pulses', { key: text, value: avro<Pulse>('pulses-value', { registry, schema }) }) satisfies KStream<string, Pulse>
topic('pulses', { key: avroKey<{ id: string }>('pulses-key', { registry, schema }), value: text }) satisfies KStream<{ id: string }, string>
avroBinary<Pulse>(schema) satisfies Serde<Pulse>
connectJson<Pulse>() satisfies Serde<Pulse>
topic('rows', { key: text, value: debezium<Pulse>() }) satisfies KStream<string, { readonly after: Pulse | null }>
'long' satisfies AvroSchema

// @ts-expect-error a registry is said
avro<Pulse>('pulses-value', { schema })
// @ts-expect-error keys have one schema for ever: it is said
avroKey<Pulse>('pulses-key', { registry })
// @ts-expect-error an address is said
schemaRegistry({})
// @ts-expect-error a schema is an object, a union or a name
avroBinary<Pulse>(5)
// @ts-expect-error the row has no such field
topic('rows', { key: text, value: debezium<Pulse>() }) satisfies KStream<string, { readonly after: { readonly unit: string } }>
