import type { MessageRemoval, Removable } from './message-removal.ts'
import type { Db } from './statements.ts'
import type { SweepLog } from './retention.ts'

interface Candidate extends Removable {
  readonly createdAt: number
  readonly isSettled: number
}

/** Where a pass is: it goes through the devices by id, and through the messages of each by their time. */
interface Place {
  readonly deviceId: string
  readonly createdAt: number
  readonly seq: number
}

const atDevice = (deviceId: string): Place => ({ deviceId, createdAt: Number.MIN_SAFE_INTEGER, seq: 0 })

/** Messages that are settled; one of a bulk stays as long as the bulk does, and one whose act is on its way until that is over. */
export const createSweepMessages = ({ $client: client }: Db, removal: MessageRemoval): SweepLog => {
  const selectDevice = client
    .prepare<[string], string>('select id from devices where id > +? order by id limit 1')
    .pluck()
  const select = client.prepare<[number, string, number, number, number, number], Candidate>(
    `select m.seq, m.id, m.created_at as createdAt, json_extract(m.body, '$.media.uploadId') as file,
      m.status not in ('queued', 'sending') and not (m.type = 'undecryptable' and m.status <> 'failed')
        and coalesce(o.state not in ('queued', 'sending'), 1)
        and coalesce(b.ended_at < +?, o.bulk_id is null or b.id is null)
        and not exists (select 1 from messages a where a.target_id = m.id and a.status in ('queued', 'sending')) as isSettled
    from messages m left join outbox o on o.message_id = m.id left join bulks b on b.id = o.bulk_id
    where m.device_id = +? and m.created_at < +? and (m.created_at, m.seq) > (+?, +?)
    order by m.created_at, m.seq limit +? + 0`,
  )

  return ({ before, limit, cursor }) => {
    if (before === null) return { removed: 0, until: null, next: null }
    let place = cursor === null ? undefined : (JSON.parse(cursor) as Place)
    let looked = 0
    let removed = 0
    let until: number | null = null
    while (looked < limit && removed < limit) {
      const deviceId = place?.deviceId ?? selectDevice.get('')
      if (deviceId === undefined) return { removed, until, next: null }
      place ??= atDevice(deviceId)
      const { createdAt, seq } = place
      const rows = select.all(before, deviceId, before, createdAt, seq, limit - looked)
      for (const row of rows) {
        looked += 1
        if (row.isSettled === 1) {
          const acts = removal.actsOn(row.id, limit - removed)
          for (const act of acts) removal.remove(act, false)
          removed += acts.length
          // Perhaps there are more of them.
          if (removed >= limit) return { removed, until: row.createdAt, next: JSON.stringify(place) }
          removal.remove(row, false)
          removed += 1
          until = Math.max(until ?? 0, row.createdAt)
        }
        place = { deviceId, createdAt: row.createdAt, seq: row.seq }
        if (removed >= limit) break
      }
      if (rows.length === 0) {
        const following = selectDevice.get(deviceId)
        if (following === undefined) return { removed, until, next: null }
        place = atDevice(following)
      }
    }
    return { removed, until, next: JSON.stringify(place) }
  }
}
