import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Pass } from './passes.ts'

/** One of those that are compared: a program that does a pass for each line on its input, and says it in a line of JSON. */
export interface Side {
  readonly name: string
  readonly command: readonly string[]
  /** A virtual machine compiles for several passes. */
  readonly passesMin: number
}

/** What a side has shown, in a process of its own. */
export interface Steady {
  readonly configuration: Readonly<Record<string, unknown>>
  /** The median of the last passes. */
  readonly last: Pass
  readonly passes: number
  /** Whether the last passes agree. */
  readonly agreed: boolean
}

/** Passes that must agree, and how far the best of them may be from the worst. */
const agreeing = 3
const tolerance = 1.05

/** Runs a side until its last passes agree. Throws when a pass is wrong. */
export async function steady({ name, command, passesMin }: Side, passesMax: number): Promise<Steady> {
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  const talk = new Talk(name, child)
  try {
    const { configuration } = (await talk.line()) as { configuration: Steady['configuration'] }
    const rates: Pass[] = []
    while (rates.length < passesMax && !(rates.length >= passesMin && agree(rates))) {
      child.stdin.write('pass\n')
      const pass = (await talk.line()) as Pass
      if (pass.verify !== 'ok') throw new Error(`${name}: ${pass.verify}`)
      rates.push(pass)
    }
    const last = rates.slice(-agreeing).sort((a, b) => rate(a) - rate(b))
    return { configuration, last: last[last.length >> 1]!, passes: rates.length, agreed: agree(rates) }
  } finally {
    child.stdin.end()
    await talk.ended
  }
}

/** What is compared: records per second of CPU time. */
export const rate = ({ records, cpuSeconds }: Pass): number => records / cpuSeconds

function agree(passes: readonly Pass[]): boolean {
  if (passes.length < agreeing) return false
  const rates = passes.slice(-agreeing).map(rate)
  return Math.max(...rates) / Math.min(...rates) <= tolerance
}

class Talk {
  readonly ended: Promise<unknown>
  readonly #name: string
  readonly #lines: AsyncIterator<string>

  constructor(name: string, child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#name = name
    const lines: Interface = createInterface({ input: child.stdout })
    this.#lines = lines[Symbol.asyncIterator]()
    this.ended = new Promise(resolve => child.once('close', resolve))
    // It ended before it was asked to: its last line says so.
    child.stdin.on('error', () => {})
  }

  async line(): Promise<unknown> {
    const { done, value } = await this.#lines.next()
    if (done === true) throw new Error(`${this.#name} ended in the middle of a run: see above`)
    return JSON.parse(value)
  }
}
