import { count, filter, json, mapValues, minutes, text, to, topic, topology, toStream, tumbling } from '@riacho/streams'

/** A record of the soak. */
export interface Reading {
  readonly sensor: string
  readonly value: number
  readonly text: string
}

const readings = topic('soak-in', { key: text, value: json<Reading>() })

/** From topic to topic, parsed and written again, and counted per key and minute. */
export default topology(
  'soak',
  readings.pipe(
    filter(reading => reading.value % 10 !== 0),
    mapValues(({ sensor, value, text: said }) => ({ sensor, value: value * 2, text: said })),
    to('soak-out', { value: json() }),
  ),
  readings.pipe(
    count('per-minute', { window: tumbling(minutes(1), { grace: 0 }), emit: 'onClose' }),
    toStream({ key: (_, { key }): string => key }),
    to('soak-counts', { key: text, value: json<number>() }),
  ),
)
