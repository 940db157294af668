import type { Operation } from '../../domain/operation.ts'
import type { ControlContext } from '../context.ts'
import { checkDeviceId } from '../device-id.ts'
import { submitOperation } from '../submit-operation.ts'
import type { Submission } from '../submit.ts'
import { groupJid } from './group-jid.ts'

type GroupInput = { deviceId: string; group: string } & Submission

/** Asks WhatsApp for the groups that the account is in. */
export const listGroups = (
  ctx: ControlContext,
  { deviceId, ...options }: { deviceId: string } & Submission,
): Promise<Operation> => submitOperation(ctx, checkDeviceId(deviceId), { kind: 'group_list' }, options)

/** Asks WhatsApp for one group, with its members. */
export const getGroup = (
  ctx: ControlContext,
  { deviceId, group, ...options }: GroupInput,
): Promise<Operation> =>
  submitOperation(ctx, checkDeviceId(deviceId), { kind: 'group_info', group: groupJid(group) }, options)

export const leaveGroup = (
  ctx: ControlContext,
  { deviceId, group, ...options }: GroupInput,
): Promise<Operation> =>
  submitOperation(ctx, checkDeviceId(deviceId), { kind: 'group_leave', group: groupJid(group) }, options)
