import { count, json, text, to, topic, topology, toStream } from '@riacho/streams'

/** What the tests of state run: words are counted. */
export default topology(
  'words-app',
  topic('words', { key: text, value: text }).pipe(count('counts'), toStream(), to('word-counts', { value: json<number>() })),
)
