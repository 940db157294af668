import type { OperationOutcome, OperationResult } from '../../domain/operation.ts'
import type { Command } from '../socket.ts'
import { deleteForMe, star } from './app-state.ts'
import { type CommandContext, outcomeOfError } from './ask.ts'
import { createGroup, describeGroup, leaveGroup, listGroups } from './groups.ts'
import { checkNumbers } from './numbers.ts'
import { markRead, showTyping } from './presence.ts'

const run = async (context: CommandContext, command: Command): Promise<OperationResult> => {
  switch (command.kind) {
    case 'star':
      await star(context, command)
      return null
    case 'delete_for_me':
      await deleteForMe(context, command)
      return null
    case 'mark_read':
      await markRead(context, command)
      return null
    case 'typing':
      await showTyping(context, command)
      return null
    case 'group_create':
      return createGroup(context, command)
    case 'group_leave':
      await leaveGroup(context, command)
      return null
    case 'group_info':
      return describeGroup(context, command)
    case 'group_list':
      return listGroups(context)
    case 'numbers_check':
      return checkNumbers(context, command)
  }
}

/** Never rejects: what happened is the outcome. */
export const carryOut = async (context: CommandContext, command: Command): Promise<OperationOutcome> => {
  try {
    return { kind: 'done', result: await run(context, command) }
  } catch (error) {
    return outcomeOfError(error)
  }
}
