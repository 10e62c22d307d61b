import { describe, expect, it } from 'vitest'
import { storeSuite } from './suites.ts'

storeSuite({ name: 'in memory', open: () => undefined }, { describe, it, expect })
