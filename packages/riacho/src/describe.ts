import { describe, describeJson, describeMermaid, type Topology } from '@riacho/streams'

/** How a plan can be shown: as Kafka Streams' `Topology.describe()` shows it, as JSON, as a Mermaid flowchart. */
export const descriptionFormats = {
  text: describe,
  json: (topology: Topology) => `${JSON.stringify(describeJson(topology), null, 2)}\n`,
  mermaid: describeMermaid,
} as const satisfies Record<string, (topology: Topology) => string>

/** A name of one of the formats. */
export type DescriptionFormat = keyof typeof descriptionFormats
