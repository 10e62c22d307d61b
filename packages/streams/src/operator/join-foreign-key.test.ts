import { expect, it } from 'vitest'
import { keepsForeignKeyJoins, parcels } from '../join/foreign-key.fixture.ts'
import type { KTable } from '../stream.ts'
import { joinForeignKey } from './join-foreign-key.ts'
import { clients, draw } from './orders.fixture.ts'
import { to } from './to.ts'
import { toStream } from './to-stream.ts'

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

it('is drawn as its example says', () => {
  const drawn = draw(
    parcels().pipe(
      joinForeignKey(
        'parcel-city',
        clients,
        parcel => parcel.client,
        (parcel, client) => ({ ...parcel, city: client.city }),
        { deletions: 'always' },
      ),
      toStream(),
      to('parcels-with-city'),
    ),
  )
  expect(drawn.nodes.map(node => node.label)).toContain('parcel-city')
})
