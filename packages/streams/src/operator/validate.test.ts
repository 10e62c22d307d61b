import { expect, it } from 'vitest'
import * as z from 'zod'
import { cents, draw, keepsPolicies, order, orders, run } from './orders.fixture.ts'
import { type Schema, validate } from './validate.ts'

const orderSchema: Schema<{ cents: number; client: string }> = z.object({ cents: z.number().positive(), client: z.string().trim() })

it('hands on what the schema made of the value', async () => {
  const record = order(5, ' a ')
  expect(await run(validate(orderSchema, { onError: 'fail' }), [record])).toEqual([{ ...record, value: { client: 'a', cents: 5 } }])
})

it('refuses with all reasons and where they are', async () => {
  const bad = { ...order(1), value: { client: 5, cents: -1 } }
  const failure = run(validate(orderSchema, { onError: 'fail' }), [bad])
  await expect(failure).rejects.toMatchObject({ code: 'RIACHO_INVALID', place: { node: 'validate' } })
  await expect(failure).rejects.toThrow(/cents: .*; client: /)
})

it('bounds its reasons by reasonCharactersMax', async () => {
  const verbose: Schema<number> = {
    '~standard': { validate: () => ({ issues: [{ message: 'x'.repeat(5000), path: [{ key: 'a' }, 0] }] }) },
  }
  const message = await run(validate(verbose, { onError: 'fail' }), [order(1)]).catch((error: Error) => error.message)
  expect(String(message)).toContain('a.0: xxx')
  expect(String(message).length).toBeLessThan(2200)
})

it('needs a schema that answers at once', async () => {
  const slow: Schema<number> = { '~standard': { validate: async () => ({ value: 1 }) } }
  await expect(run(validate(slow, { onError: 'fail' }), [order(1)])).rejects.toThrow('synchronous')
})

it('keeps the key serde and the partitions', () => {
  const stream = orders.pipe(validate(orderSchema, { onError: { deadLetter: 'orders-invalid' } }))
  expect(stream.node).toMatchObject({
    label: 'validate',
    key: orders.node.key,
    value: undefined,
    partitioned: true,
    deadLetters: ['orders-invalid'],
  })
  draw(stream)
})

const strict: Schema<number> = { '~standard': { validate: value => ({ value: cents(value as { client: string; cents: number }) }) } }
keepsPolicies('validate', options => validate(strict, { onError: 'fail', ...options }), 'RIACHO_INVALID')
