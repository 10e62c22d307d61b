import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { allowedSettings, variableOf } from '../../packages/riacho/src/configuration.ts'
import { makeMetrics } from '../../packages/riacho/src/metrics.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const folder = 'examples/event-processor/compose'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: object
  readonly build?: string
}
const compose = parse(read('docker-compose.yml')) as {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
}
const services = Object.entries(compose.services)

it('is a compose file, as the specification’s schema says', () => {
  // compose-spec.json is the schema of https://github.com/compose-spec/compose-spec, commit 170098b (Apache-2.0).
  const schema = JSON.parse(read('test/compose/compose-spec.json')) as { $schema: string }
  const ajv = new Ajv({ strict: false, allErrors: true })
  formats.default(ajv)
  const valid = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' })
  expect(valid(compose) ? [] : valid.errors).toEqual([])
  expect(valid({ services: { a: { imagine: 'b' } } })).toBe(false)
})

it('pins every image to a version, and builds its own once', () => {
  const own = services.filter(([, { build }]) => build !== undefined).map(([, { image }]) => image)
  expect(new Set(own).size).toBe(1)
  for (const [name, { image, build }] of services)
    expect([name, build !== undefined || /:v?\d+\.\d+(\.\d+)?$/.test(image)]).toEqual([name, true])
  expect(
    read('Dockerfile')
      .match(/^FROM (\S+)/gm)
      ?.every(line => /:\d+\.\d+\.\d+-/.test(line)),
  ).toBe(true)
})

it('waits only for services that there are, and for the health of those that tell it', () => {
  for (const [name, { depends_on: waits = [] }] of services)
    for (const [other, how] of Array.isArray(waits) ? waits.map(each => [each, undefined] as const) : Object.entries(waits)) {
      expect([name, other, compose.services[other] !== undefined]).toEqual([name, other, true])
      const healthy = (how as { condition?: string } | undefined)?.condition === 'service_healthy'
      // The image of the runner brings its own health check.
      if (healthy) expect([other, compose.services[other]!.healthcheck !== undefined]).toEqual([other, true])
    }
})

it('mounts files of this repository read-only, and named volumes that are declared', () => {
  const named = new Set<string>()
  for (const [name, { volumes = [] }] of services)
    for (const volume of volumes) {
      const [source, target, mode] = volume.split(':') as [string, string, string | undefined]
      expect([name, target.startsWith('/')]).toEqual([name, true])
      if (!source.startsWith('.')) named.add(source)
      else {
        expect([name, source, mode]).toEqual([name, source, 'ro'])
        // The folder of the events is the user's.
        if (source !== './events') expect([source, existsSync(join(root, source))]).toEqual([source, true])
      }
    }
  expect([...named].sort()).toEqual(Object.keys(compose.volumes).sort())
  const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map(volume => join(root, volume.split(':')[0]!)))
  for (const file of readdirSync(join(root, folder))) {
    const path = join(root, folder, file)
    expect([file, mounted.some(mount => mount.startsWith(path))]).toEqual([file, true])
  }
})

const own = services.filter(([, { image }]) => image === 'riacho:local')

it('runs files that there are, with options that the command has', () => {
  for (const [name, { command = [], entrypoint = [] }] of own) {
    const files = [...entrypoint, ...command].filter(word => word.startsWith('examples/'))
    expect([name, files.length, files.filter(file => !existsSync(join(root, file)))]).toEqual([name, 1, []])
    if (command.length === 0) continue
    const words = command.slice(0, command.indexOf(files[0]!))
    const help = execFileSync(process.execPath, ['packages/riacho/src/main.ts', ...words, '--help'], { cwd: root, encoding: 'utf8' })
    for (const option of command.filter(word => word.startsWith('--')))
      expect([name, option, help.includes(`${option} `)]).toEqual([name, option, true])
  }
})

it('sets variables that the example, the runner or the SDK of AWS reads', () => {
  const example = ['production.ts', 'prepare.ts'].map(file => read(`examples/event-processor/${file}`)).join()
  const settings = allowedSettings.map(({ name }) => variableOf(name))
  for (const [name, { environment = {} }] of own)
    for (const variable of Object.keys(environment)) {
      const known = variable.startsWith('AWS_') || settings.includes(variable) || new RegExp(`\\b${variable}\\b`).test(example)
      expect([name, variable, known]).toEqual([name, variable, true])
    }
})

const published = services.flatMap(([name, { ports = [] }]) =>
  ports.map(port => [name, ...port.split(':')] as [string, string, string, string]),
)

it('publishes each port once, on the loopback address only', () => {
  expect(published.every(([, host]) => host === '127.0.0.1')).toBe(true)
  const outside = published.map(([, , port]) => port)
  expect(new Set(outside).size).toBe(outside.length)
})

it('names services with the ports that they have', () => {
  const files = [`${folder}/prometheus.yml`, `${folder}/connect.properties`, `${folder}/grafana/provisioning/datasources/prometheus.yml`]
  const text = [...files.map(read), JSON.stringify(services.map(([, { image: _, ...rest }]) => rest))].join('\n')
  const names = services.map(([name]) => name).join('|')
  const addresses = [...text.matchAll(new RegExp(`\\b(${names}):(\\d{2,5})\\b`, 'g'))].map(([, name, port]) => `${name}:${port}`)
  // Inside the network only: the controller has no clients, and Kafka's port for the host is another one.
  const inside = ['kafka:9092', 'kafka:9093']
  const there = new Set([...inside, ...published.map(([name, , , port]) => `${name}:${port}`)])
  expect(addresses.length).toBeGreaterThan(8)
  expect(addresses.filter(address => !there.has(address))).toEqual([])
})

it('shows metrics that the runner has', () => {
  const dashboard = read(`${folder}/grafana/dashboards/riacho.json`)
  const { registry } = makeMetrics({ metrics: () => Object.assign(Object.create(null)) } as never)
  const known = new Set(registry.getMetricsAsArray().map(({ name }) => name))
  const shown = [...dashboard.matchAll(/\b((?:riacho|process)_[a-z_]+)/g)].map(([, name]) => name!.replace(/_(bucket|count|sum)$/, ''))
  expect(shown.length).toBeGreaterThan(8)
  expect(shown.filter(name => !known.has(name))).toEqual([])
})
