import { expect, it } from 'vitest'
import { FakeTask, unasked } from '../async/fake-task.fixture.ts'
import type { StreamRecord } from '../contract/record.ts'
import { keepsForeignKeyJoins, type Parcel, parcels } from '../join/foreign-key.fixture.ts'
import type { KTable } from '../stream.ts'
import { instruction } from '../wire/foreign-key.ts'
import { joinForeignKey } from './join-foreign-key.ts'
import { clients } from './orders.fixture.ts'

keepsForeignKeyJoins(
  'joinForeignKey',
  (left, name = 'fk', right = clients, options = {}) =>
    left.pipe(
      joinForeignKey(
        name,
        right,
        parcel => parcel.client,
        parcel => parcel.client,
        options,
      ),
    ) as KTable<string, string>,
)

it('answers every change of the left table if it is told', () => {
  const drawn = (options?: { readonly deletions: 'always' }): readonly unknown[] => {
    const told: unknown[] = []
    const join = joinForeignKey(
      'fk',
      clients,
      (parcel: Parcel) => parcel.client,
      () => 1,
      options,
    )
    const [subscribing] = parcels().pipe(join).node.parents[1]!.parents.slice(1)
    const [input] = subscribing!.open(new FakeTask(), record => told.push((record as StreamRecord<string, object>).value), unasked)
    input!({ key: 'p', value: { client: 'c', cents: 1 }, previous: null, timestamp: 0, headers: [], latest: true })
    return told
  }
  expect(drawn()).toMatchObject([{ instruction: instruction.answerIfFound }])
  expect(drawn({ deletions: 'always' })).toMatchObject([{ instruction: instruction.answer }])
  expect(() => drawn({ deletions: 'never' as 'always' })).toThrow(/RIACHO_OPTION.*'never'/)
})
