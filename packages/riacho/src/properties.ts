const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

const plain = (text: string): string =>
  text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code: string | undefined, character: string) =>
    code === undefined ? (escapes[character] ?? character) : String.fromCharCode(Number.parseInt(code, 16)),
  )

/** The settings of a text in the form of Java's properties files, by name; the last of several wins. */
export function parseProperties(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  let line = ''
  for (const read of text.split(/\r\n|\r|\n/)) {
    const piece = read.replace(/^[ \t\f]+/, '')
    if (line === '' && /^[#!]/.test(piece)) continue
    line += piece
    // An odd number of backslashes at its end carries a line on.
    if (/(?<!\\)(?:\\\\)*\\$/.test(line)) {
      line = line.slice(0, -1)
      continue
    }
    const [, name = '', value = ''] = /^((?:\\.|[^\\=: \t\f])*)(?:[ \t\f]*[=:][ \t\f]*|[ \t\f]+)?(.*)$/s.exec(line)!
    if (line !== '') found.set(plain(name), plain(value))
    line = ''
  }
  return found
}
