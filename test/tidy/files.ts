import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A text file of the project: its path from the root with slashes, and its text. */
export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Complains about files: one line each, empty when all is well. */
export type Rule = (files: readonly TextFile[]) => string[]

const skippedFolders = new Set(['node_modules', '.git', '.riacho', 'coverage', 'dist'])
const textEnding = /\.(ts|mts|mjs|js|json|md|yaml|yml|txt|sh|patch|toml|avsc|proto)$|(^|\/)\.?(run|gitignore|LICENSE)$/

/** All text files below a folder, sorted by path. */
export function filesOf(root: string, folder = ''): TextFile[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap(entry => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : filesOf(root, path)
    return entry.isFile() && textEnding.test(path) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : []
  })
}

/** Written or recorded by others and kept as they are. */
export const isRecorded = (path: string): boolean =>
  ['pnpm-lock.yaml', 'test/compose/compose-spec.json'].includes(path) ||
  path.startsWith('test/conformance/cases/') ||
  path.startsWith('test/conformance/wire/')
/** TypeScript of the project. */
export const isSource = (path: string): boolean => path.endsWith('.ts')
/** A test of vitest. */
export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.endsWith('.test-d.ts')
/** The last part of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
/** The lines of a text; a line feed at the end makes none. */
export const linesOf = (text: string): string[] => text.replace(/\n$/, '').split('\n')

/** The code of a source: lines that are comments are left empty, so that line numbers stay. */
export function codeOf(text: string): string {
  let inside = false
  const code = text.split('\n').map(line => {
    const trimmed = line.trim()
    if (!inside && trimmed.startsWith('/*')) inside = true
    const comment = inside || trimmed.startsWith('//')
    if (inside && trimmed.includes('*/')) inside = false
    return comment ? '' : line
  })
  return code.join('\n')
}

/** `path:line` of the first match of each line. */
export function matches(file: TextFile, pattern: RegExp, text = file.text): string[] {
  return text.split('\n').flatMap((line, i) => {
    const found = pattern.exec(line)
    return found === null ? [] : [`${file.path}:${i + 1}: ${found[0].trim()}`]
  })
}
