export {
  type Applied,
  type ConnectCluster,
  type ConnectOptions,
  type ConnectorStatus,
  connectCluster,
  failuresOf,
  type PartStatus,
} from './cluster.ts'
export { type ConnectorDefinition, readConnectors } from './definition.ts'
export { codes } from './errors.ts'
export { type ConnectorWatch, watchConnectors } from './watch.ts'
