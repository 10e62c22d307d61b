/** A deliberate bug: `find` stands once in `file` and is replaced; the tests of `test` must notice. Paths are from the root. */
export interface Mutant {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly test: string
}
