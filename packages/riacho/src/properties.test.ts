import { expect, it } from 'vitest'
import { parseProperties } from './properties.ts'

it.each([
  ['a=1\nb: 2\nc 3\n d  =  4 ', { a: '1', b: '2', c: '3', d: '4 ' }],
  ['# no\n! no\n\na=#yes', { a: '#yes' }],
  ['a=one \\\n   two\r\nb=2', { a: 'one two', b: '2' }],
  ['a=C:\\\\dir\\tx\nb=\\u00e9', { a: 'C:\\dir\tx', b: 'é' }],
  ['a\\=b=c=d', { 'a=b': 'c=d' }],
  ['a=1\na=2\nempty=', { a: '2', empty: '' }],
  ['a=end\\\\', { a: 'end\\' }],
])('reads %j as Java does', (text, expected) => {
  expect(Object.fromEntries(parseProperties(text))).toEqual(expected)
})
