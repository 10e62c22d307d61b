import { AclOperations, AclPermissionTypes, Admin, ConfigResourceTypes, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'

/** Who looks after a cluster, and changes it while applications run. */
export class Operator {
  readonly #admin: Admin

  constructor(address: string) {
    this.#admin = new Admin({ clientId: 'operator', bootstrapBrokers: [address] })
  }

  /** Resolves when the brokers know. */
  async delete(topic: string): Promise<void> {
    await this.#admin.deleteTopics({ topics: [topic] })
    while ((await this.#admin.listTopics()).includes(topic)) await new Promise(resolve => setTimeout(resolve, 10))
  }

  /** Changes the most bytes of a batch that a topic takes. */
  async limit(topic: string, messageBytesMax: number): Promise<void> {
    const config = { name: 'max.message.bytes', value: String(messageBytesMax), configOperation: 0 } as const
    await this.#admin.incrementalAlterConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configs: [config] }],
    })
  }

  /** A user may read the topic, which means to see it, too, but for this. */
  async forbid(topic: string, user: string, operation: 'WRITE' | 'DESCRIBE'): Promise<void> {
    const of = { ...aclsOf(topic), principal: `User:${user}`, host: '*' }
    await this.#admin.createAcls({
      creations: [
        { ...of, operation: AclOperations[operation], permissionType: AclPermissionTypes.DENY },
        { ...of, operation: AclOperations.READ, permissionType: AclPermissionTypes.ALLOW },
      ],
    })
  }

  /** Takes back {@link Operator.forbid}. */
  async permit(topic: string): Promise<void> {
    const any = { principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY }
    await this.#admin.deleteAcls({ filters: [{ ...aclsOf(topic), ...any }] })
  }

  async close(): Promise<void> {
    await this.#admin.close()
  }
}

const aclsOf = (topic: string) => ({
  resourceType: ResourceTypes.TOPIC,
  resourceName: topic,
  resourcePatternType: ResourcePatternTypes.LITERAL,
})
