import { AsyncLocalStorage } from 'node:async_hooks'
import type { SignalKeyStoreWithTransaction } from '@whiskeysockets/baileys'

/**
 * Lets writes count that Baileys begins in a transaction of its keys and ends after it: that it has issued a privacy
 * token to a contact (messages-send.ts, `issuePrivacyTokens(...).then`). Its AsyncLocalStorage hands such a write to the
 * transaction that is over (auth-utils.ts), where nobody commits it; so each text would issue a token anew, one more
 * question to the server for every message, where WhatsApp Web asks once a week. Here it goes to the store by itself.
 */
export const acceptLateWrites = (keys: SignalKeyStoreWithTransaction): void => {
  interface State {
    /** Set when the work of the transaction is done; resolves after its commit. */
    committed?: Promise<void>
  }
  const inside = new AsyncLocalStorage<State>()
  const outside = AsyncLocalStorage.snapshot()
  const inner = { ...keys }

  /** Runs what came too late for its transaction after that, and in none. */
  const late = <T>(committed: Promise<void>, run: () => T | Promise<T>): Promise<T> =>
    outside(async () => {
      await committed
      return await run()
    })

  keys.get = (type, ids) => {
    const { committed } = inside.getStore() ?? {}
    return committed === undefined ? inner.get(type, ids) : late(committed, () => inner.get(type, ids))
  }
  keys.set = (data) => {
    const { committed } = inside.getStore() ?? {}
    return committed === undefined ? inner.set(data) : late(committed, () => inner.set(data))
  }
  keys.transaction = async (work, key) => {
    const within = inside.getStore()
    if (within?.committed !== undefined)
      return await late(within.committed, () => keys.transaction(work, key))
    if (within !== undefined) return await inner.transaction(work, key)
    const state: State = {}
    const { promise, resolve } = Promise.withResolvers<void>()
    const noted = async () => {
      try {
        return await work()
      } finally {
        state.committed = promise
      }
    }
    try {
      return await inside.run(state, () => inner.transaction(noted, key))
    } finally {
      resolve()
    }
  }
}
