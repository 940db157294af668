import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { exportAudit } from '../control/list-audit.ts'
import { type Verified, verifyAudit } from '../control/verify-audit.ts'
import type { KeptPoint } from '../domain/audit-chain.ts'
import { auditLines } from '../http/wire/audit.ts'
import type { Log } from '../runtime/log.ts'
import { openStore } from '../store/sqlite/open.ts'
import { type Store, StoreError } from '../store/store.ts'
import { databaseFile } from './open-data.ts'

/** Whatever WhatsApp the data belongs to; it must be there. */
const openToRead = async ({ dataDir }: Config, log: Log): Promise<Store> => {
  const file = databaseFile(dataDir)
  if (!existsSync(file))
    throw new StoreError('failed', `there is no ${file}: set DATA_DIR to the data folder`)
  return openStore({ file, log })
}

const report = ({ entries, erased, unchained, first, head, checkpoints, broken }: Verified): string => {
  const lines = [
    `entries       ${entries}${first !== null && head !== null && head.count > entries ? ` of ${head.count}: those before ${first} were removed` : ''}`,
    `erased        ${erased}`,
    `before chain  ${unchained}`,
    `checkpoints   ${checkpoints}`,
    `head          ${head === null ? 'none' : `${head.seq}:${head.hash}`}`,
  ]
  if (broken === null) return [...lines, 'The chain is whole.', ''].join('\n')
  const { seq, id, kind, detail } = broken
  const name = id === null ? '' : ` (${id})`
  return `The chain is broken at entry ${seq}${name}, ${kind}: ${detail}.\nUp to there:\n${lines.join('\n')}\n`
}

/** Verifies the audit trail of a data folder, beside a running gateway or without one; true when it is whole. */
export const verifyAuditTrail = async (
  config: Config,
  log: Log,
  {
    kept,
    json,
    print,
  }: { readonly kept?: KeptPoint; readonly json: boolean; readonly print: (text: string) => void },
): Promise<boolean> => {
  const store = await openToRead(config, log)
  try {
    const verified = await verifyAudit({ store }, kept)
    print(json ? `${JSON.stringify(verified)}\n` : report(verified))
    return verified.broken === null
  } finally {
    await store.close()
  }
}

/** Writes all of the audit trail as JSON lines, oldest first, no faster than they are taken. */
export const exportAuditTrail = async (
  config: Config,
  log: Log,
  write: (text: string) => Promise<void>,
): Promise<void> => {
  const store = await openToRead(config, log)
  try {
    for await (const page of await exportAudit({ store }, {})) await write(auditLines(page))
  } finally {
    await store.close()
  }
}
