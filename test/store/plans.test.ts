import BetterSqlite from 'better-sqlite3'
import { expect, it, vi } from 'vitest'
import { openStore } from '../../src/store/sqlite/open.ts'
import { newFile } from './files.ts'

/** Plans that read a whole table on purpose: few rows, or only those that the partial index holds. */
const allowed = [
  'SCAN devices USING INDEX sqlite_autoindex_devices_1',
  'SCAN devices USING INDEX devices_unsettled',
  'SCAN json_each VIRTUAL TABLE INDEX 1:',
]

it('no statement of the store reads a whole table', async () => {
  const prepare = vi.spyOn(BetterSqlite.prototype, 'prepare')
  const file = newFile()
  const store = await openStore({ file })
  for (const chat of [undefined, '1@lid', '1@s.whatsapp.net']) {
    for (const status of [undefined, 'sent'] as const) {
      for (const direction of [undefined, 'inbound'] as const) {
        const filter = { ...(chat && { chat }), ...(status && { status }), ...(direction && { direction }) }
        await store.messages.list({ deviceId: 'a', ...filter }, { limit: 1 })
      }
    }
  }
  const statements = prepare.mock.calls
    .map(([source]) => source)
    .filter(
      (source) =>
        /^(select|insert|update|delete) /.test(source) && !/sqlite_schema|__drizzle|\(\)/.test(source),
    )
  prepare.mockRestore()
  expect(statements.length).toBeGreaterThan(60)

  const client = new BetterSqlite(file)
  const scans = statements.flatMap((source) =>
    client
      .prepare<unknown[], { detail: string }>(`explain query plan ${source}`)
      .all(
        ...source
          .split('?')
          .slice(1)
          .map(() => null),
      )
      .map(({ detail }) => detail)
      .filter((detail) => detail.startsWith('SCAN') && !allowed.includes(detail))
      .map((detail) => `${detail}: ${source}`),
  )
  client.close()
  await store.close()
  expect(scans).toEqual([])
})
