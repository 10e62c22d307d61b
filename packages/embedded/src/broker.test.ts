import { brokerSuite } from '@riacho/testing/suites'
import { describe, expect, it } from 'vitest'
import { embedded } from './index.ts'

const functions = { describe, it, expect }
const reopenReason = 'memory ends with the broker'
const skip = [{ test: 'keeps records, transactions and committed offsets when it is opened again', reason: reopenReason }]

brokerSuite({ name: 'embedded, in memory', open: () => embedded(), skip }, functions)
brokerSuite({ name: 'embedded, in memory, loans poisoned', open: () => embedded({ poisonLoans: true }), skip }, functions)
