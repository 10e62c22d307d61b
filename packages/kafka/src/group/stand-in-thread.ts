import { parentPort, workerData } from 'node:worker_threads'
import type { MemberCalls } from './calls.ts'
import type { Present } from './membership.ts'
import type { StandInNews, StandInWork } from './stand-in.ts'

const { options, member, turned } = workerData as StandInWork
const members = new Map<number, Present>()
/** The loop turns once in each interval; one that is a little late is not blocked. */
const lateMs = member.heartbeatIntervalMs * 2
let ways: Promise<(present: Present) => MemberCalls> | undefined
let beating = false

const blockedMs = (): number => Number((process.hrtime.bigint() - Atomics.load(turned, 0)) / 1_000_000n)

async function beat(): Promise<void> {
  const blocked = blockedMs()
  if (blocked < lateMs || blocked > member.maxPollIntervalMs || beating) return
  beating = true
  // What a client needs is loaded when it is needed: most threads never are.
  ways ??= connect()
  const calls = await ways
  // Whatever the coordinator answers, it has heard of the member; what that means is for the member to say when it can.
  await Promise.all(
    [...members.values()].map(present =>
      calls(present)
        .heartbeat(present)
        .catch(() => {}),
    ),
  )
  beating = false
}

async function connect(): Promise<(present: Present) => MemberCalls> {
  const [{ MemberCalls }, { Cluster }, { checked }, { Links }] = await Promise.all([
    import('./calls.ts'),
    import('../metadata/cluster.ts'),
    import('../options.ts'),
    import('../transport/links.ts'),
  ])
  const { bootstrap, link } = checked(options)
  const cluster = new Cluster(bootstrap, link)
  const requestTimeoutMs = Math.min(link.requestTimeoutMs, Math.ceil(member.sessionTimeoutMs / 3))
  const links = new Links(cluster, { ...link, requestTimeoutMs })
  return present =>
    new MemberCalls({ cluster, joining: links, talking: links, options: member }, present.group, present.instanceId ?? undefined)
}

parentPort!.on('message', ({ number, present }: StandInNews) => {
  if (present === undefined) members.delete(number)
  else members.set(number, present)
})
setInterval(
  () =>
    void beat().catch(() => {
      beating = false
    }),
  member.heartbeatIntervalMs,
)
