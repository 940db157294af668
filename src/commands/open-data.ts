import path from 'node:path'
import type { Config } from '../config.ts'
import type { Log } from '../runtime/log.ts'
import { openStore } from '../store/sqlite/open.ts'
import { type Store, StoreVersionError } from '../store/store.ts'

/** The database of a data folder. */
export const databaseFile = (dataDir: string): string => path.join(dataDir, 'gateway.db')

/**
 * Opens the database and makes sure that it belongs to the WhatsApp which is configured: credentials that were made
 * with one server are refused by another, and would be lost.
 */
export const openData = async ({ dataDir, diskReserveBytes, whatsapp }: Config, log: Log): Promise<Store> => {
  const store = await openStore({
    file: databaseFile(dataDir),
    reserveBytes: diskReserveBytes,
    log,
  })
  const wanted = whatsapp.url === undefined ? 'whatsapp' : 'loopback'
  const network = await store.claimNetwork(wanted)
  if (network === wanted) return store
  await store.close()
  throw new StoreVersionError(
    network === 'whatsapp'
      ? `${dataDir} holds devices of the real WhatsApp: give another DATA_DIR for the server at WHATSAPP_URL`
      : `${dataDir} holds devices of a server that stood in for WhatsApp: give another DATA_DIR for the real one`,
  )
}
