import { z } from '@hono/zod-openapi'
import {
  type GroupInfo,
  groupMembersMax,
  groupSubjectMax,
  type GroupSummary,
  type InvitedMember,
} from '../../domain/group.ts'
import type { Party } from '../../domain/jid.ts'
import { phoneDigits } from '../../domain/jid.ts'
import { isoOrNull, isoSchema } from './time.ts'

const personShape = {
  phone: z.string().nullable().openapi({ description: 'Digits; null where WhatsApp hides it' }),
  lid: z.string().nullable(),
}
const toPerson = ({ pn, lid }: Party) => ({ phone: phoneDigits(pn), lid })

const summaryShape = {
  jid: z.string().openapi({ example: '120363000000000000@g.us' }),
  subject: z.string(),
  description: z.string().nullable(),
  owner: z.strictObject(personShape).nullable(),
  createdAt: isoSchema.nullable(),
  addressing: z
    .enum(['pn', 'lid'])
    .openapi({ description: 'Whether the group names its members by phone number or by LID' }),
  settings: z.strictObject({
    announcement: z.boolean().openapi({ description: 'Only admins may write' }),
    locked: z.boolean().openapi({ description: 'Only admins may change subject, description and picture' }),
    joinApproval: z.boolean().openapi({ description: 'An admin must let in whoever joins by a link' }),
    membersMayAdd: z.boolean(),
    expiresIn: z.int().nullable().openapi({ description: 'Seconds until messages disappear' }),
  }),
  community: z.string().nullable().openapi({ description: 'The JID of the community it belongs to' }),
  size: z.int(),
}

const groupSummarySchema = z.strictObject(summaryShape).openapi('GroupSummary')
export const groupSchema = z
  .strictObject({
    ...summaryShape,
    members: z.array(z.strictObject({ ...personShape, role: z.enum(['member', 'admin', 'superadmin']) })),
  })
  .openapi('Group')
export const groupsSchema = z.strictObject({ groups: z.array(groupSummarySchema) }).openapi('Groups')

export const groupCreatedSchema = z
  .strictObject({
    group: groupSchema,
    invited: z
      .array(
        z.strictObject({
          ...personShape,
          code: z.int().openapi({
            description: '403: only contacts may add the person; 404: not on WhatsApp; 409: is in it already',
          }),
          invite: z
            .strictObject({ code: z.string(), expiresAt: isoSchema.nullable() })
            .nullable()
            .openapi({ description: 'For a message of type group_invite to the person' }),
        }),
      )
      .openapi({ description: 'Who could not be added, and why' }),
  })
  .openapi('GroupCreated')

const toSummary = ({
  jid,
  subject,
  description,
  addressing,
  settings,
  community,
  size,
  ...group
}: GroupSummary) => ({
  jid,
  subject,
  description,
  owner: group.owner === null ? null : toPerson(group.owner),
  createdAt: isoOrNull(group.createdAt),
  addressing,
  settings: { ...settings },
  community,
  size,
})

export const toGroup = (group: GroupInfo): z.output<typeof groupSchema> => ({
  ...toSummary(group),
  members: group.members.map((member) => ({ ...toPerson(member), role: member.role })),
})

export const toGroups = (groups: readonly GroupSummary[]): z.output<typeof groupsSchema> => ({
  groups: groups.map(toSummary),
})

export const toGroupCreated = (result: {
  readonly group: GroupInfo
  readonly invited: readonly InvitedMember[]
}): z.output<typeof groupCreatedSchema> => ({
  group: toGroup(result.group),
  invited: result.invited.map(({ code, invite, ...person }) => ({
    ...toPerson(person),
    code,
    invite: invite === null ? null : { code: invite.code, expiresAt: isoOrNull(invite.expiresAt) },
  })),
})

export const createGroupBody = z
  .strictObject({
    subject: z
      .string()
      .openapi({ description: `1 to ${groupSubjectMax} characters`, example: 'Football on Friday' }),
    participants: z
      .array(z.string())
      .max(groupMembersMax - 1)
      .openapi({
        description: 'JIDs or phone numbers, without the own account',
        example: ['1234567890', '+49 151 23456789'],
      }),
  })
  .openapi('CreateGroupRequest')
