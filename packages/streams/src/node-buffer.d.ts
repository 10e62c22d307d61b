/** Methods of Node's Buffer that @types/node leaves out: they take offsets, and so need no view. */
declare global {
  interface Buffer {
    utf8Slice(start: number, end: number): string
    latin1Slice(start: number, end: number): string
    utf8Write(text: string, offset: number): number
    latin1Write(text: string, offset: number): number
  }
}

export {}
