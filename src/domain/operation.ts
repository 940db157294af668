/** What a device is asked to do beside sending messages. */
export type OperationKind = 'star' | 'delete_for_me' | 'mark_read' | 'group_create'

/** `unknown`: it was begun, and nobody can say whether WhatsApp has done it. */
export type OperationState = 'queued' | 'running' | 'done' | 'failed' | 'unknown'
export const operationStates: readonly OperationState[] = ['queued', 'running', 'done', 'failed', 'unknown']
