/** A sink and the bare client that it is made of, writing the same rows. */
export interface Comparison {
  readonly name: string
  readonly rows: number
  readonly rounds: number
  /** Writes all rows by the sink. */
  readonly ours: () => Promise<void>
  /** Writes all rows by the client alone, so many calls at once. */
  readonly bare: (concurrency: number) => () => Promise<void>
  readonly concurrencies: readonly number[]
}

/** Runs both in turns, and prints rows a second: the median of the sink, that of the best loop, and their ratio. */
export async function compare({ name, rows, rounds, ours, bare, concurrencies }: Comparison): Promise<void> {
  const loops = new Map<string, () => Promise<void>>([
    ['sink', ours],
    ...concurrencies.map(concurrency => [`bare ${concurrency}`, bare(concurrency)] as const),
  ])
  const rates = new Map<string, number[]>()
  for (let round = 0; round <= rounds; round++) {
    for (const [loop, run] of loops) {
      const began = performance.now()
      await run()
      // The first round warms up.
      if (round > 0) rates.set(loop, [...(rates.get(loop) ?? []), rows / ((performance.now() - began) / 1000)])
    }
  }
  const medians = [...rates].map(([loop, each]) => [loop, each.sort((a, b) => a - b)[each.length >> 1]!] as const)
  for (const [loop, rate] of medians) console.log(`${name.padEnd(10)} ${loop.padEnd(10)} ${Math.round(rate)} rows/s`)
  const best = Math.max(...medians.slice(1).map(([, rate]) => rate))
  console.log(`${name.padEnd(10)} ratio      ${(medians[0]![1] / best).toFixed(2)}`)
}
