/** An event as everybody outside gets it, by whatever way: plain JSON, its time as ISO 8601. */
import type { Event } from './event.ts'
import { iso } from './iso.ts'

export interface ShownEvent {
  readonly seq: number
  readonly id: string
  readonly type: Event['type']
  readonly deviceId: string | null
  readonly at: string
  readonly data: Event['data']
}

export const shownEvent = ({ seq, id, type, deviceId, at, data }: Event): ShownEvent => ({
  seq,
  id,
  type,
  deviceId,
  at: iso(at),
  data,
})
