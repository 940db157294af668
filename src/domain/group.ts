import type { Party } from './jid.ts'

export type GroupRole = 'member' | 'admin' | 'superadmin'

export interface GroupMember extends Party {
  readonly role: GroupRole
}

/** A group as WhatsApp describes it to somebody who is in it. */
export interface GroupSummary {
  readonly jid: string
  readonly subject: string
  readonly description: string | null
  readonly owner: Party | null
  /** Wall-clock ms. */
  readonly createdAt: number | null
  readonly addressing: 'pn' | 'lid'
  readonly settings: {
    /** Only admins may write. */
    readonly announcement: boolean
    /** Only admins may change subject, description and picture. */
    readonly locked: boolean
    /** Whoever joins by a link must be let in by an admin. */
    readonly joinApproval: boolean
    readonly membersMayAdd: boolean
    /** Messages disappear after so many seconds; null when they stay. */
    readonly expiresIn: number | null
  }
  /** The community that it belongs to. */
  readonly community: string | null
  readonly size: number
}

export interface GroupInfo extends GroupSummary {
  readonly members: readonly GroupMember[]
}

/** Somebody who was to be taken into a group, and was not. */
export interface InvitedMember extends Party {
  /** WhatsApp's code: 403, the person lets only contacts do that; 409, is in it already; 404, is not on WhatsApp. */
  readonly code: number
  /** With it the person may join: it goes into a message of type `group_invite`. */
  readonly invite: { readonly code: string; readonly expiresAt: number | null } | null
}

/** WhatsApp's limits. */
export const groupSubjectMax = 100
export const groupMembersMax = 1_024
