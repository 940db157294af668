import { eventually } from '../flows/processes.ts'
import type { StatusBody, World } from '../flows/world.ts'

const pollMs = 30
const limitMs = 60_000

/**
 * Waits until the API is ready and every device of the load has become connected after `since` (wall-clock ms): before
 * that the rows may still say what was true of a connector that is dead. Resolves with how long after `since` it was.
 */
export const untilReady = (
  world: World,
  load: { readonly devices: readonly { readonly id: string }[] },
  since: number,
): Promise<number> =>
  eventually(
    'ready again',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, pollMs))
      if ((await world.api('GET', '/readyz')).status !== 200) return false
      const devices = (await world.api('GET', '/api/devices')).body as unknown as Record<string, StatusBody>
      const isBack = ({ id }: { readonly id: string }): boolean =>
        devices[id]?.status === 'connected' && Date.parse(devices[id].lastUpdate) >= since
      return load.devices.every(isBack) && Date.now() - since
    },
    limitMs,
  )
