import { json, mapAsync, mapValues, text, to, topic, topology } from '@riacho/streams'

interface Event {
  readonly n: number
}

/** Posts each event to the server at `RETRIES_URL`, which refuses some: what was tried three times in place waits in topics. */
export default topology(
  'retries-app',
  topic('retries-in', { key: text, value: json<Event>() }).pipe(
    mapValues(({ n }) => String(n), { onError: 'fail' }),
    mapAsync(
      async (value, { headers }, signal) => {
        const count = headers.find(([name]) => name === 'RetryCount')?.[1]
        const options = { method: 'POST', body: value, signal, headers: { 'retry-count': String(count ?? 0) } }
        const answer = await fetch(process.env.RETRIES_URL!, options)
        if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
        return Number(value)
      },
      {
        retry: { retriesMax: 5, backoff: { min: 10, max: 40 }, topics: { name: 'posted', delays: [300, 600, 900] } },
        onError: { deadLetter: 'retries-dead' },
      },
    ),
    to('retries-out', { value: json() }),
  ),
)
