import { clock } from './clock.ts'
import { crossing } from './crossing.ts'
import { disk } from './disk.ts'
import { failpoints } from './failpoints.ts'
import { fuzzApi } from './fuzz-api.ts'
import { fuzzServer } from './fuzz-server.ts'
import { kills, killsWithFaults } from './kills.ts'
import { network } from './network.ts'
import type { Scenario } from './scenario.ts'
import { simulation } from './simulation.ts'
import { connectStorm } from './storm.ts'
import { webhooks } from './webhooks.ts'
import { zombie } from './zombie.ts'

export const scenarios: readonly Scenario[] = [
  kills,
  killsWithFaults,
  webhooks,
  failpoints,
  crossing,
  network,
  zombie,
  clock,
  disk,
  connectStorm,
  simulation,
  fuzzApi,
  fuzzServer,
]
