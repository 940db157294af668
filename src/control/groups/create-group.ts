import { GatewayError } from '../../domain/errors.ts'
import { groupMembersMax, groupSubjectMax } from '../../domain/group.ts'
import { formatJid } from '../../domain/jid.ts'
import type { Operation } from '../../domain/operation.ts'
import type { ControlContext } from '../context.ts'
import { checkDeviceId } from '../device-id.ts'
import { submitOperation } from '../submit-operation.ts'
import { recipientOf, type Submission } from '../submit.ts'

export interface CreateGroupInput extends Submission {
  readonly deviceId: string
  readonly subject: string
  /** JIDs or phone numbers. */
  readonly participants: readonly string[]
}

const refused = (detail: string): GatewayError => new GatewayError('invalid_group', detail)

const personOf = (text: string): string => {
  const jid = recipientOf(text)
  if (jid.kind === 'group') throw refused(`participants: ${text} is a group`)
  return formatJid(jid)
}

/** Makes a group. Nothing is tried twice: a second one would be another group. */
export const createGroup = (ctx: ControlContext, input: CreateGroupInput): Promise<Operation> => {
  const subject = input.subject.trim()
  if (subject === '' || subject.length > groupSubjectMax) {
    throw refused(`subject must have 1 to ${groupSubjectMax} characters`)
  }
  const participants = [...new Set(input.participants.map(personOf))]
  if (participants.length === 0 || participants.length >= groupMembersMax) {
    throw refused(`participants must be 1 to ${groupMembersMax - 1} people beside the device's own account`)
  }
  return submitOperation(
    ctx,
    checkDeviceId(input.deviceId),
    { kind: 'group_create', subject, participants },
    input,
  )
}
