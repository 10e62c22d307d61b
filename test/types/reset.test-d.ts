import { globalTable, table, text, topic } from '@riacho/streams'

topic('in', { key: text, value: text, offsetReset: 'latest' })
table('in', { key: text, value: text, offsetReset: 'none' })
// @ts-expect-error: there are earliest, latest and none
topic('in', { key: text, value: text, offsetReset: 'newest' })
// @ts-expect-error: a global table is read from its beginning at every start
globalTable('in', { key: text, value: text, offsetReset: 'latest' })
