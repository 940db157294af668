import type { Context } from './context.ts'
import { SandboxError } from './errors.ts'
import { createPhone, type Phone } from './phone/phone.ts'
import { parseJid } from './protocol/jid.ts'
import type { Account } from './state/account.ts'
import type { Chat } from './state/groups.ts'

/** The simulated phones, by number. */
export interface Phones {
  readonly all: readonly Phone[]
  /** The phone with this number; a new one when there is none. */
  ensure(number: string, name: string | undefined): { phone: Phone; isNew: boolean }
  /** @throws SandboxError 404 when there is no such phone */
  get(number: string): Phone
  of(account: Account): Phone
  /** @throws SandboxError 422 when nobody on this network has this number or JID */
  contact(numberOrJid: string): Account
  /** @throws SandboxError 422 when it is neither a group nor a contact */
  chat(numberOrJid: string): Chat
}

const numberForm = /^\d{5,15}$/
/** What people put between digits. */
const separators = /[\s+()-]/g
const phonesMax = 10_000

/** @throws SandboxError 422 when it is no phone number */
export const normalizeNumber = (typed: string): string => {
  const digits = typed.replaceAll(separators, '')
  if (!numberForm.test(digits)) {
    throw new SandboxError(422, 'a phone number has 5 to 15 digits, with the country code')
  }
  return digits
}

export const createPhones = (context: Context, scope: string): Phones => {
  const byNumber = new Map<string, Phone>()
  const get = (number: string): Phone => {
    const phone = byNumber.get(normalizeNumber(number))
    if (phone === undefined)
      throw new SandboxError(404, `there is no phone ${number}, add it by POST /phones`)
    return phone
  }
  const contact = (numberOrJid: string): Account => {
    const isJid = numberOrJid.includes('@')
    const account = isJid
      ? context.directory.find(parseJid(numberOrJid))
      : context.directory.accounts.get(normalizeNumber(numberOrJid))
    if (account !== undefined) return account
    throw new SandboxError(422, `${numberOrJid} is not on this network, add a phone for it by POST /phones`)
  }
  return {
    get all() {
      return [...byNumber.values()]
    },
    ensure(typed, name) {
      const number = normalizeNumber(typed)
      const known = byNumber.get(number)
      if (known !== undefined) {
        if (name !== undefined) known.account.name = name
        return { phone: known, isNew: false }
      }
      if (byNumber.size >= phonesMax) throw new SandboxError(409, `there are ${phonesMax} phones already`)
      const phone = createPhone(context, context.directory.create(number, name ?? `Phone ${number}`), scope)
      byNumber.set(number, phone)
      return { phone, isNew: true }
    },
    get,
    of: (account) => get(account.number),
    contact,
    chat: (numberOrJid) => context.groups.find(numberOrJid) ?? contact(numberOrJid),
  }
}
