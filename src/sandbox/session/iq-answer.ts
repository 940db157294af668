import type { Node } from '../protocol/node.ts'

/** What an iq is answered with. `next` runs after the answer was sent. */
export type IqAnswer =
  | { readonly kind: 'result'; readonly content?: Node[]; readonly next?: 'go-active' | 'unlink' }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
