#!/usr/bin/env node
import { once } from 'node:events'
import { enableCompileCache, flushCompileCache } from 'node:module'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ListenError, type Service } from './commands/service.ts'
import { version } from './commands/version.ts'
import { type Config, environment, readConfig, UsageError } from './config.ts'
import { type KeptPoint, parseCheckpoint } from './domain/audit-chain.ts'
import { deviceIdPattern, deviceIdRule } from './domain/device.ts'
import { createLog } from './log.ts'
import type { Log } from './runtime/log.ts'
import { StoreError, StoreVersionError } from './store/store.ts'

const exitFailed = 1
const exitUsage = 2
/** A stop that takes longer is cut. */
const stopMaxMs = 12_000

/** Beside the code, since it is trusted like the code; where that may not be written there is none. */
const compileCacheDir = path.join(import.meta.dirname, '../node_modules/.cache/compiled')

const usage = `WhatsApp API gateway ${version}

Usage: node src/main.ts COMMAND

  serve                  run the API, and the connector as a child process
  api                    run the API alone
  connector              run the connector alone
  sandbox                run a simulated WhatsApp; with --with-gateway also a gateway that talks to it
  link DEVICE            link a device here in the terminal
  audit verify           check that nobody has changed the audit trail
  audit export           write the audit trail as JSON lines

Options: --help, --version. Settings are environment variables; README.md lists them.
`

const commandHelp: Readonly<Record<string, string>> = {
  serve:
    'Usage: node src/main.ts serve\n\nRuns the API on HOST:PORT, and the connector as a child process that is started again when it ends.\n',
  api: 'Usage: node src/main.ts api\n\nRuns the API on HOST:PORT. Messages are sent once a connector runs on the same DATA_DIR.\n',
  connector:
    'Usage: node src/main.ts connector\n\nKeeps the devices of DATA_DIR connected to WhatsApp. A second one waits until the first is gone.\n',
  sandbox:
    'Usage: node src/main.ts sandbox [--with-gateway]\n\nRuns a simulated WhatsApp on SANDBOX_PORT, with phones that can scan, write and read. --with-gateway runs a\ngateway beside it that talks to it and keeps its data in DATA_DIR (default ./data/sandbox).\n',
  link: 'Usage: node src/main.ts link DEVICE\n\nShows the QR code of a device in the terminal until the device is connected.\n',
  audit:
    'Usage: node src/main.ts audit verify [--checkpoint SEQ:HASH] [--json]\n       node src/main.ts audit export\n\nverify walks the audit trail of DATA_DIR, beside a running gateway or without one, and names the first entry that was changed or\nremoved; then it exits with 1. --checkpoint holds it against a line "audit checkpoint" that was kept of the log. export writes all\nentries to the standard output, oldest first.\n',
}

const write = (text: string): void => {
  process.stdout.write(text)
}

/** Resolves when whoever reads the standard output can take more. */
const writeSlowly = async (text: string): Promise<void> => {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/**
 * Ends the process with `code` once `stop` is done. A person's second Ctrl-C ends it at once. In a terminal Ctrl-C goes
 * to children too: they leave it to their parent, which stops them in its own order.
 */
const stopOnSignals = (log: Log, stop: () => Promise<void>): { readonly end: (code: number) => void } => {
  let stopping = false
  const end = (code: number): void => {
    if (stopping) return
    stopping = true
    setTimeout(() => {
      log.error({ afterMs: stopMaxMs }, 'stop took too long; ending now')
      process.exit(exitFailed)
    }, stopMaxMs).unref()
    stop().then(
      () => process.exit(code),
      (error: unknown) => {
        log.error({ err: error }, 'did not stop cleanly')
        process.exit(exitFailed)
      },
    )
  }
  process.on('SIGTERM', () => end(0))
  process.on('SIGINT', () => {
    if (process.connected) return
    if (stopping) process.exit(exitFailed)
    end(0)
  })
  // Only a child has this: its parent is gone, and nobody else would ever stop it.
  process.on('disconnect', () => end(0))
  return { end }
}

/** What slips past every handler is a defect of one request or one device, and must not take the others with it. */
const surviveDefects = (log: Log): void => {
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'unhandled rejection'))
  process.on('uncaughtException', (error) => log.error({ err: error }, 'uncaught exception'))
}

const runService = async (log: Log, start: (fail: () => void) => Promise<Service>): Promise<void> => {
  let service: Service | undefined
  const { end } = stopOnSignals(log, async () => service?.stop())
  service = await start(() => end(exitUsage))
  surviveDefects(log)
  // A process that is killed would leave nothing for the next one, which is wanted back soon.
  flushCompileCache()
}

interface Parsed {
  readonly command: string
  readonly args: readonly string[]
  readonly withGateway: boolean
  readonly json: boolean
  readonly checkpoint: KeptPoint | undefined
}

const runAudit = async (
  config: Config,
  log: Log,
  { args, json, checkpoint: kept }: Parsed,
): Promise<void> => {
  const { verifyAuditTrail, exportAuditTrail } = await import('./commands/audit.ts')
  if (args[0] === 'export') return exportAuditTrail(config, log, writeSlowly)
  const isWhole = await verifyAuditTrail(config, log, { json, print: write, ...(kept && { kept }) })
  process.exitCode = isWhole ? 0 : exitFailed
}

const run = async (parsed: Parsed): Promise<void> => {
  const { command, args } = parsed
  const config: Config = readConfig()
  const log = createLog({ level: config.logLevel, format: config.logFormat, name: command })
  // Each command loads what it needs and no more: Baileys alone is tens of MB.
  switch (command) {
    case 'serve': {
      const { startGateway } = await import('./commands/serve.ts')
      return runService(log, (fail) => startGateway(config, log, fail))
    }
    case 'api': {
      const { startApi } = await import('./commands/api.ts')
      return runService(log, () => startApi(config, log))
    }
    case 'connector': {
      const { startConnectorService } = await import('./commands/connector.ts')
      return runService(log, () => startConnectorService(config, log))
    }
    case 'sandbox': {
      const { startSandboxService } = await import('./commands/sandbox.ts')
      return runService(log, (fail) =>
        startSandboxService(config, log, {
          withGateway: parsed.withGateway,
          dataDirGiven: (environment()['DATA_DIR'] ?? '') !== '',
          print: (line) => write(`${line}\n`),
          onUsageError: fail,
        }),
      )
    }
    case 'link': {
      const { linkDevice } = await import('./commands/link.ts')
      const [deviceId = ''] = args
      const abort = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => abort.abort())
      const quiet = createLog({ level: 'error', format: config.logFormat, name: command })
      const linked = await linkDevice(config, quiet, { deviceId, print: write, stop: abort.signal })
      process.exitCode = linked ? 0 : exitFailed
      return
    }
    case 'audit':
      return runAudit(config, createLog({ level: 'error', format: config.logFormat, name: command }), parsed)
    default:
      throw new UsageError([`there is no command ${command}`])
  }
}

/** Which command an option goes with. */
const optionOwners: Readonly<Record<string, string>> = {
  'with-gateway': 'sandbox',
  json: 'audit verify',
  checkpoint: 'audit verify',
}

const argumentProblems = (command: string, args: readonly string[]): readonly string[] => {
  switch (command) {
    case 'link':
      if (args.length !== 1) return ['link takes one DEVICE']
      return deviceIdPattern.test(args[0] ?? '') ? [] : [deviceIdRule]
    case 'audit':
      return args.length === 1 && ['verify', 'export'].includes(args[0] ?? '')
        ? []
        : ['audit takes one word, verify or export']
    default:
      return args.length === 0 ? [] : [`${command} takes no arguments, and was given ${args.join(' ')}`]
  }
}

const parse = (): Parsed | undefined => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    strict: false,
    options: {
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean' },
      'with-gateway': { type: 'boolean' },
      json: { type: 'boolean' },
      checkpoint: { type: 'string' },
    },
  })
  const [command, ...args] = positionals
  if (values['version'] === true) {
    write(`${version}\n`)
    return undefined
  }
  if (values['help'] === true || command === 'help') {
    write((command === undefined ? undefined : commandHelp[command]) ?? usage)
    return undefined
  }
  const problems: string[] = []
  if (command === undefined) problems.push('a command is missing')
  else if (!(command in commandHelp)) problems.push(`there is no command ${command}`)
  const whole = command === 'audit' ? `audit ${args[0] ?? ''}` : command
  for (const option of Object.keys(values)) {
    const owner = optionOwners[option]
    if (owner === undefined) problems.push(`there is no option --${option}`)
    else if (whole !== owner) problems.push(`--${option} goes with ${owner}`)
  }
  const given = values['checkpoint']
  const checkpoint = typeof given === 'string' ? parseCheckpoint(given) : undefined
  if (given !== undefined && checkpoint === undefined) {
    problems.push('--checkpoint takes SEQ:HASH, as the line "audit checkpoint" of the log has them')
  }
  problems.push(...argumentProblems(command ?? 'the command', args))
  if (problems.length > 0) throw new UsageError(problems)
  return {
    command: command ?? '',
    args,
    withGateway: values['with-gateway'] === true,
    json: values['json'] === true,
    checkpoint,
  }
}

const fail = (error: unknown): void => {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.problems.map((problem) => `error: ${problem}\n`).join('')}Try --help.\n`)
    process.exit(exitUsage)
  }
  if (error instanceof ListenError || error instanceof StoreVersionError || error instanceof StoreError) {
    process.stderr.write(`error: ${error.message}\n`)
    process.exit(exitFailed)
  }
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(exitFailed)
}

enableCompileCache(compileCacheDir)
try {
  const parsed = parse()
  if (parsed !== undefined) await run(parsed)
} catch (error) {
  fail(error)
}
