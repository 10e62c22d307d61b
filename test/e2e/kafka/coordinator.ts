import { findCoordinatorV6 } from '@platformatic/kafka'
import type { Link } from './link.ts'

const keyTypes = { group: 0, transaction: 1 } as const

/**
 * Resolves when the broker coordinates this group or transactional id. The first question of a cluster's life makes it create
 * the topic in which it keeps them, which takes a moment.
 */
export async function coordinator(link: Link, kind: keyof typeof keyTypes, id: string): Promise<void> {
  await link.call(findCoordinatorV6.api, keyTypes[kind], [id])
}
