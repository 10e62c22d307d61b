import { codeOf, isRecorded, isSource, isTest, linesOf, type Rule, type TextFile } from './files.ts'

const fileLinesMax = 400
const functionLinesMax = 70

/** Functions over the limit that were there first, as `path:name`, with their lines. It may shrink, never grow. */
export const ratchet: Readonly<Record<string, number>> = {}

/** No file has more than 400 lines. */
export const fileSizes: Rule = files =>
  files
    .filter(({ path }) => !isRecorded(path))
    .filter(({ text }) => linesOf(text).length > fileLinesMax)
    .map(({ path, text }) => `${path}: ${linesOf(text).length} lines, at most ${fileLinesMax}: split it by noun`)

const opens = /(?:\bfunction\b|=>|^\s*(?:(?:static|async|override|get|set|private|public|protected)\s+|\*\s*)*[#\w]+\s*(?:<.*>)?\().*\{$/
const notFunction = /^\s*(?:if|for|while|switch|catch|else|do|return switch|\} else|\} catch)\b/
const named = /(?:function\*?\s+|const\s+|let\s+)?([#\w]+)\s*(?:<.*>)?\s*[(=:]/

interface Span {
  readonly name: string
  /** Indices of its first and last line. */
  readonly from: number
  readonly to: number
}

/** Lists of tests: there only a function's own lines count, not those of the functions inside it. */
const isListOfTests = (path: string): boolean => isTest(path) || path.startsWith('packages/testing/src/suites/')

const indentOf = (line: string): number => line.length - line.trimStart().length

/** The line that closes what a line opens: the formatter puts it at the same indentation. */
function closing(lines: readonly string[], from: number): number {
  const indent = indentOf(lines[from]!)
  return lines.findIndex((line, i) => i > from && line.trim() !== '' && indentOf(line) <= indent && /^\s*\}/.test(line))
}

/** The first line of a function whose parameters take several lines. */
function headOf(lines: readonly string[], from: number): number {
  if (!/^\s*\)/.test(lines[from]!)) return from
  const indent = indentOf(lines[from]!)
  for (let i = from - 1; i >= 0; i--) if (lines[i]!.trim() !== '' && indentOf(lines[i]!) <= indent) return i
  return from
}

function functionsOf(file: TextFile): Span[] {
  const lines = codeOf(file.text).split('\n')
  return lines.flatMap((line, i) => {
    const head = headOf(lines, i)
    if (!line.endsWith('{') || notFunction.test(lines[head]!) || !(opens.test(line) || head < i)) return []
    const end = closing(lines, i)
    const name = named.exec(lines[head]!.replace(/^\s*(?:export |default |async |return |readonly )+/, ''))?.[1] ?? 'anonymous'
    return end < 0 ? [] : [{ name, from: head, to: end }]
  })
}

/** The length of each function. */
function lengthsOf(file: TextFile): { readonly name: string; readonly lines: number }[] {
  const spans = functionsOf(file)
  return spans.map(({ name, from, to }) => {
    const inside = spans.filter(span => span.from > from && span.to < to)
    const outermost = inside.filter(span => !inside.some(other => other.from < span.from && other.to > span.to))
    const nested = outermost.reduce((sum, span) => sum + span.to - span.from + 1, 0)
    return { name, lines: to - from + 1 - (isListOfTests(file.path) ? nested : 0) }
  })
}

/** No function has more than 70 lines, but those of the ratchet, which may only shrink. */
export const functionSizes =
  (allowed: Readonly<Record<string, number>>): Rule =>
  files => {
    const complaints: string[] = []
    const spent = new Set<string>()
    for (const file of files.filter(({ path }) => isSource(path))) {
      for (const { name, lines } of lengthsOf(file).filter(({ lines }) => lines > functionLinesMax)) {
        const key = `${file.path}:${name}`
        spent.add(key)
        if (lines > (allowed[key] ?? functionLinesMax))
          complaints.push(`${key}: ${lines} lines, at most ${allowed[key] ?? functionLinesMax}`)
        else if (lines < allowed[key]!) complaints.push(`${key}: has shrunk to ${lines} lines: lower its number in the ratchet`)
      }
    }
    const gone = Object.keys(allowed).filter(key => !spent.has(key))
    return [...complaints, ...gone.map(key => `${key}: is within the limit: take it out of the ratchet`)]
  }
