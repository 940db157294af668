import type { Entropy } from '../entropy.ts'
import { SandboxError } from '../errors.ts'
import { type Addressing, groupServer, parseJid } from '../protocol/jid.ts'
import type { Account } from './account.ts'

/** A group chat. Its members are accounts; each device of each member gets what is written in it. */
export interface Group {
  readonly jid: string
  subject: string
  /** Undefined when there is none. */
  description: string | undefined
  /** Only admins may write. */
  announce: boolean
  /** Only admins may change what the group is called and the like. */
  locked: boolean
  /** Messages disappear after so long; 0 when they stay. */
  ephemeralSeconds: number
  /** How the group names its members. Today's WhatsApp makes groups that name them by LID. */
  readonly addressing: Addressing
  readonly owner: Account
  readonly createdAtSeconds: number
  readonly members: Set<Account>
  /** The owner is one of them. */
  readonly admins: Set<Account>
}

/** Where a message is shown: with a person or in a group. */
export type Chat = Account | Group

export const isGroup = (chat: Chat): chat is Group => 'members' in chat

/** What a chat is called in the log of a phone: a number, or a group's JID. */
export const chatName = (chat: Chat): string => (isGroup(chat) ? chat.jid : chat.number)

type NewGroup = Pick<Group, 'subject' | 'addressing' | 'owner' | 'createdAtSeconds'> & {
  readonly members: readonly Account[]
}

export interface Groups {
  readonly all: readonly Group[]
  /** @throws SandboxError 409 when there are too many */
  create(group: NewGroup): Group
  /** Takes accounts in, in that order, and out. @throws SandboxError 422 when they are too many */
  change(
    group: Group,
    change: { readonly add: readonly Account[]; readonly remove: readonly Account[] },
  ): void
  /** By its JID; undefined when there is no such group. */
  find(jid: string | undefined): Group | undefined
  of(account: Account): Group[]
}

/** As many as WhatsApp allows. */
export const groupMembersMax = 1024
const groupsMax = 1000

const idBytes = 8
const idDigits = 15
const idPrefix = '120'

export const createGroups = (entropy: Entropy): Groups => {
  const byJid = new Map<string, Group>()
  const newJid = (): string => {
    const digits = entropy.next('group', idBytes).readBigUInt64BE() % 10n ** BigInt(idDigits)
    const jid = `${idPrefix}${String(digits).padStart(idDigits, '0')}@${groupServer}`
    return byJid.has(jid) ? newJid() : jid
  }
  return {
    get all() {
      return [...byJid.values()]
    },
    create(parts) {
      if (byJid.size >= groupsMax) throw new SandboxError(409, `there are ${groupsMax} groups already`)
      const group: Group = {
        ...parts,
        jid: newJid(),
        description: undefined,
        announce: false,
        locked: false,
        ephemeralSeconds: 0,
        members: new Set([parts.owner, ...parts.members]),
        admins: new Set([parts.owner]),
      }
      byJid.set(group.jid, group)
      return group
    },
    change({ members, admins }, { add, remove }) {
      if (members.size + add.length > groupMembersMax) {
        throw new SandboxError(422, `add: a group has ${groupMembersMax} members at most`)
      }
      for (const account of add) members.add(account)
      for (const account of remove) {
        members.delete(account)
        admins.delete(account)
      }
    },
    find(jid) {
      return parseJid(jid)?.server === groupServer ? byJid.get(jid ?? '') : undefined
    },
    of: (account) => [...byJid.values()].filter(({ members }) => members.has(account)),
  }
}
