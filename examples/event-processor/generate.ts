import { renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

/** What a generated file holds. The same options give the same bytes. */
export interface GenerateOptions {
  readonly events: number
  readonly seed?: number
  /** One event in a hundred comes later than the five minutes of grace allow. */
  readonly late?: boolean
}

const contexts = ['monitoramento', 'aplicação de usuários', 'autorizador de transações', 'integrações'] as const
const types = ['INSERT', 'UPDATE', 'DELETE'] as const
const clients = ['Client_A', 'Client_B', 'Client_C', 'Client_D'] as const
const begin = Date.UTC(2026, 0, 1)
const step = 100
const minute = 60_000

/** Mulberry32: numbers in [0, 1). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

type Fields = Readonly<Record<string, unknown>>

/** What comes in that is no event: each kind in turn. */
const spoiled: readonly ((event: Fields) => string | Buffer)[] = [
  () => '',
  event => JSON.stringify(event).slice(0, 40),
  event => JSON.stringify([event]),
  () => 'null',
  event => JSON.stringify({ ...event, uid: 7 }),
  ({ client, ...event }) => JSON.stringify(event),
  event => JSON.stringify({ ...event, client: 'Client_E' }),
  event => JSON.stringify({ ...event, context: 'aplicacao' }),
  event => JSON.stringify({ ...event, event_type: 'UPSERT' }),
  event => JSON.stringify({ ...event, created_at: 'yesterday' }),
  event => `{"__proto__":${JSON.stringify(event)}}`,
  event => Buffer.from(JSON.stringify({ ...event, context: 'integrações' }), 'latin1'),
]

/** The lines of a file: events 100 ms apart, out of order by at most two minutes, one in a hundred invalid. */
export function* generate({ events, seed = 1, late = false }: GenerateOptions): Generator<Buffer> {
  const random = randomNumbers(seed)
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const hex = (): string =>
    Math.floor(random() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  for (let i = 0; i < events; i++) {
    const behind = random() * 2 * minute + (late && i % 100 === 57 ? 10 * minute : 0)
    const event = {
      uid: `${hex()}-${hex()}`,
      context: one(contexts),
      event_type: one(types),
      client: one(clients),
      created_at: new Date(begin + i * step - Math.floor(behind)).toISOString(),
    }
    yield Buffer.from(i % 100 === 23 ? spoiled[Math.floor(i / 100) % spoiled.length]!(event) : JSON.stringify(event))
  }
}

/** Writes a whole file or none. */
export function writeEvents(path: string, options: GenerateOptions): void {
  const newline = Buffer.from('\n')
  const part = `${path}.part`
  writeFileSync(part, Buffer.concat([...generate(options)].flatMap(line => [line, newline])))
  renameSync(part, path)
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      events: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      late: { type: 'boolean', default: false },
    },
  })
  writeEvents(positionals[0] ?? 'events.txt', { events: Number(values.events), seed: Number(values.seed), late: values.late })
}
