import { keepsForeignKeyJoins } from '../join/foreign-key.fixture.ts'
import type { KTable } from '../stream.ts'
import { leftJoinForeignKey } from './left-join-foreign-key.ts'
import { clients } from './orders.fixture.ts'

keepsForeignKeyJoins(
  'leftJoinForeignKey',
  (left, name = 'fk', right = clients, options = {}) =>
    left.pipe(
      leftJoinForeignKey(
        name,
        right,
        parcel => parcel.client,
        parcel => parcel.client,
        options,
      ),
    ) as KTable<string, string>,
)
