import type { Broker } from '@riacho/streams/engine'
import type { Command } from 'commander'

/** What the commands need of the program around them; `F`: the flags that say where the topics are. */
export interface Surroundings<F> {
  /** Adds those flags. */
  readonly addPlace: (command: Command) => void
  /** Opens the broker that they name, runs `work` and closes it. The signal is aborted when the process is told to stop. */
  readonly onBroker: (flags: F, readOnly: boolean, work: (broker: Broker, signal: AbortSignal) => Promise<void>) => Promise<void>
  /** Writes a line to standard output. */
  readonly print: (line: string) => Promise<void>
  readonly positive: (text: string) => number
}
