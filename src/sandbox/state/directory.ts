import type { Entropy } from '../entropy.ts'
import { type Jid, lidServer, parseJid, pnServer } from '../protocol/jid.ts'
import type { Account, Companion, Device } from './account.ts'

/** Who exists on this network. */
export interface Directory {
  readonly accounts: ReadonlyMap<string, Account>
  /** A new account; the number must not be taken. */
  create(number: string, name: string): Account
  /** By digits, PN or LID, whatever the device. */
  find(jid: Jid | string | undefined): Account | undefined
  /** The account, and the device number as the JID says it; undefined when there is no such device. */
  findDevice(jid: Jid | string | undefined): Device | undefined
  companion(device: Device): Companion | undefined
}

const lidDigits = 15
const lidBytes = 8

const lidFrom = (bytes: Buffer): string =>
  String(bytes.readBigUInt64BE() % 10n ** BigInt(lidDigits - 1)).padStart(lidDigits, '1')

export const createDirectory = (entropy: Entropy): Directory => {
  const accounts = new Map<string, Account>()
  const byLid = new Map<string, Account>()

  const find = (jid: Jid | string | undefined): Account | undefined => {
    const parsed = typeof jid === 'string' ? parseJid(jid) : jid
    if (parsed?.server === pnServer) return accounts.get(parsed.user)
    return parsed?.server === lidServer ? byLid.get(parsed.user) : undefined
  }

  return {
    accounts,
    create(number, name) {
      let lid = lidFrom(entropy.bytes(`lid ${number}`, lidBytes))
      while (byLid.has(lid)) lid = lidFrom(entropy.next(`lid ${number}`, lidBytes))
      const account: Account = {
        number,
        lid,
        name,
        identity: entropy.keyPair(`phone ${number} identity`),
        rawId: entropy.bytes(`phone ${number} raw id`, 4).readUInt32BE(),
        companions: new Map(),
        peers: new Set(),
        blocked: new Set(),
        appState: new Map(),
        restrictedUntilSeconds: 0,
        lastDevice: 0,
        lastKeyIndex: 0,
      }
      accounts.set(number, account)
      byLid.set(lid, account)
      return account
    },
    find,
    findDevice(jid) {
      const parsed = typeof jid === 'string' ? parseJid(jid) : jid
      const account = find(parsed)
      if (account === undefined || parsed === undefined) return undefined
      const exists = parsed.device === 0 || account.companions.has(parsed.device)
      return exists ? { account, device: parsed.device } : undefined
    },
    companion: ({ account, device }) => account.companions.get(device),
  }
}
