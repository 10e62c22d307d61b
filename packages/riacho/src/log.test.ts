import { describe, expect, it } from 'vitest'
import { harmless, makeLog } from './log.ts'

const linesOf = (people: boolean, write: (log: ReturnType<typeof makeLog>) => void): string[] => {
  const lines: string[] = []
  write(makeLog({ level: 'info', people, write: text => lines.push(text) }))
  return lines
}

describe('the log', () => {
  it('is JSON for machines', () => {
    const [line] = linesOf(false, log => log.info({ task: '0_0' }, 'state restored'))
    expect(JSON.parse(line!)).toMatchObject({ level: 30, task: '0_0', msg: 'state restored' })
  })

  it('is a short line for people', () => {
    const [line] = linesOf(true, log => log.warn({ task: '0_0', records: 3 }, 'state restored'))
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn state restored task=0_0 records=3\n$/)
  })

  it('leaves out what is below its level', () => {
    expect(linesOf(false, log => log.debug('quiet'))).toEqual([])
  })

  it.each([true, false])('is not broken by control characters (people: %s)', people => {
    const evil = 'a\nb\r\u001b[2J\u009b\u2028\u0000c'
    const lines = linesOf(people, log => log.error({ [evil]: evil }, evil))
    expect(lines).toHaveLength(1)
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029]/u)
    if (!people) expect(JSON.parse(lines[0]!)).toMatchObject({ msg: evil, [evil]: evil })
  })

  it('makes any text harmless and keeps what can be read', () => {
    expect(harmless('ação\n\u001b[1m→')).toBe('ação\\n\\u001b[1m→')
  })
})
