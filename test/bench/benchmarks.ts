import { api } from './api.ts'
import type { Benchmark } from './benchmark.ts'
import { contention } from './contention.ts'
import { groupReceive } from './group-receive.ts'
import { groupSend } from './group-send.ts'
import { growth } from './growth.ts'
import { mainJob } from './main-job.ts'
import { media } from './media.ts'
import { memory } from './memory.ts'
import { receive } from './receive.ts'
import { reconnecting } from './reconnects.ts'
import { restarting } from './restart.ts'
import { send } from './send.ts'
import { webhooks } from './webhooks.ts'

export const benchmarks: readonly Benchmark[] = [
  mainJob,
  send,
  groupSend,
  receive,
  groupReceive,
  api,
  growth,
  contention,
  media,
  webhooks,
  memory,
  reconnecting,
  restarting,
]
