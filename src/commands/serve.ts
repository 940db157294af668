import type { Config } from '../config.ts'
import type { Log } from '../runtime/log.ts'
import { type Service, stopAll } from './service.ts'
import { supervise } from './supervise.ts'

/** The whole gateway: the API here, the connector as a child that may die and come back while the API answers. */
export const startGateway = async (
  config: Config,
  log: Log,
  onUsageError: () => void,
): Promise<Service & { readonly url: string }> => {
  const connector = supervise({ args: ['connector'], env: {}, log, onUsageError })
  try {
    // Only now: both take a second to load, and do it beside each other.
    const { startApi } = await import('./api.ts')
    const api = await startApi(config, log)
    return { url: api.url, stop: () => stopAll([api, connector]) }
  } catch (error) {
    await connector.stop()
    throw error
  }
}
