import { avro, schemaRegistry } from '@riacho/serdes'
import { mapValues, text, to, topic, topology } from '@riacho/streams'

/** An event of another team: which schema it has is in its bytes. */
interface Pulse {
  readonly n: number
}

const registry = schemaRegistry({ url: process.env.SCHEMA_REGISTRY_URL! })

/** Reads Avro of any schema, writes texts. */
export default topology(
  'registry-outage',
  topic('pulses', { key: text, value: avro<Pulse>('pulses-value', { registry }), onError: { deadLetter: 'pulses-dead' } }).pipe(
    mapValues(({ n }) => String(n)),
    to('numbers', { value: text }),
  ),
)
