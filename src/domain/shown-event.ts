import type { Event } from './event.ts'
import { iso } from './iso.ts'

/** An event as it is told outside, by whatever way. `at` is ISO 8601, like the times in `data`. */
export interface ShownEvent extends Pick<Event, 'seq' | 'id' | 'type' | 'deviceId' | 'data'> {
  readonly at: string
}

export const shownEvent = ({ seq, id, type, deviceId, at, data }: Event): ShownEvent => ({
  seq,
  id,
  type,
  deviceId,
  at: iso(at),
  data,
})
