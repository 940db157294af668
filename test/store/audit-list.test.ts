import { expect, it } from 'vitest'
import { windowRows, windowsMax } from '../../src/store/sqlite/audit-list.ts'
import { openTrail } from './trail.ts'

it('a page looks through only so many entries for what is rare, and the next one goes on', async () => {
  const trail = await openTrail()
  trail.write(1, { action: 'device.remove' })
  trail.client.exec(`
    with recursive n (seq) as (select 2 union all select seq + 1 from n where seq <= ${windowRows * windowsMax})
    insert into audit_entries (seq, id, at, actor_kind, request_id, action, target_kind, target_id)
    select seq, 'aud_' || seq, ${Number.MAX_SAFE_INTEGER} / 2 + seq, 'api', 'r', 'device.stop', 'device', 'a' from n`)
  const filter = { action: 'device.remove' }
  const first = await trail.audit.list(filter, { limit: 1 })
  expect(first).toEqual({ items: [], nextCursor: expect.stringMatching(/\.2$/) as string })
  const second = await trail.audit.list(filter, { limit: 1, cursor: first.nextCursor ?? '' })
  expect(second).toMatchObject({ items: [{ seq: 1 }], nextCursor: null })
})
