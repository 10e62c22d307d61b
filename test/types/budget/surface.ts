import { topic } from '@riacho/streams'

/** What the surface costs before anything is written with it. */
export const nothing = topic
