import path from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../runtime/log.ts'
import { startSandbox } from '../sandbox/server.ts'
import { ListenError, type Service, stopAll } from './service.ts'
import { supervise } from './supervise.ts'

export interface SandboxCommand {
  readonly withGateway: boolean
  /** Whether DATA_DIR was set: else the gateway beside the sandbox keeps its data apart from the real one's. */
  readonly dataDirGiven: boolean
  readonly print: (line: string) => void
  readonly onUsageError: () => void
}

/** Runs the simulated WhatsApp, and, if asked, a gateway that talks to it. */
export const startSandboxService = async (
  config: Config,
  log: Log,
  { withGateway, dataDirGiven, print, onUsageError }: SandboxCommand,
): Promise<Service> => {
  const sandbox = await startSandbox({
    port: config.sandboxPort,
    ...(config.sandboxSeed === undefined ? {} : { seed: config.sandboxSeed }),
    // What it does is on its page; the terminal is for the lines below and for the gateway.
    log: (level, fields, message) => log[level === 'info' ? 'debug' : level](fields, message),
  }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw new ListenError(
      `the sandbox cannot listen on port ${config.sandboxPort} (${why}): set SANDBOX_PORT`,
      {
        cause: error,
      },
    )
  })
  const services: Service[] = [{ stop: () => sandbox.close() }]
  const env = sandbox.environment
  print(`📞 Simulated WhatsApp: ${sandbox.controlUrl} (its phones, in a browser)`)
  print('   Its accounts last as long as it runs: devices that were linked before must be linked anew.')
  if (withGateway) {
    const dataDir = dataDirGiven ? config.dataDir : path.join(config.dataDir, 'sandbox')
    services.push(supervise({ args: ['serve'], env: { ...env, DATA_DIR: dataDir }, log, onUsageError }))
  } else {
    print('A gateway talks to it with:')
    for (const [name, value] of Object.entries(env)) print(`export ${name}=${value}`)
  }
  return { stop: () => stopAll(services) }
}
