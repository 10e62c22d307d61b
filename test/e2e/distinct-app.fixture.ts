import { distinct, minutes, persist, type Sink, SinkError, text, topic, topology } from '@riacho/streams'

/** Writes the values of a batch as lines. */
const lines: Sink<string, string> = {
  name: 'lines',
  idempotent: false,
  async write(batch, signal) {
    const body = batch.map(record => `${record.value}\n`).join('')
    const answer = await fetch(`http://127.0.0.1:${process.env.DISTINCT_SINK_PORT}`, { method: 'POST', body, signal })
    if (!answer.ok) throw new SinkError('transient', `the sink answered ${answer.status}`)
  },
}

/** What the test runs at least once: the first of each value, to a sink that comes and goes. */
export default topology(
  'first-values',
  topic('in', { key: text, value: text }).pipe(
    distinct('first', value => value, { within: minutes(60) }),
    persist(lines, { batch: { recordsMax: 20, wait: 5 }, timeout: 2000, retry: { retriesMax: 3, backoff: { min: 50, max: 200 } } }),
  ),
)
