/**
 * The least that an HTTP API on SQLite can do, for the benchmark `api` to compare with: bare Hono with one prepared read,
 * and with one insert that shares its transaction with all that came in the same turn of the event loop. Takes the
 * database file as its argument and prints its port.
 */
import { serve } from '@hono/node-server'
import BetterSqlite from 'better-sqlite3'
import { Hono } from 'hono'

const client = new BetterSqlite(process.argv[2] ?? '')
client.pragma('journal_mode = wal')
client.pragma('synchronous = full')
client.exec(`
  create table devices (id text primary key, status text not null, qr_code text, updated_at integer not null) strict;
  create table messages (id text primary key, device text not null, recipient text not null, text text not null) strict;
  insert into devices values ('bench', 'reconnecting', null, 1763259485123)`)

const device = client.prepare<[string], { status: string; qr_code: string | null; updated_at: number }>(
  'select status, qr_code, updated_at from devices where id = ?',
)
const insert = client.prepare('insert into messages values (?, ?, ?, ?)')

let waiting: { readonly values: readonly string[]; readonly done: () => void }[] = []
const flush = (): void => {
  const batch = waiting
  waiting = []
  client.transaction(() => {
    for (const { values } of batch) insert.run(...values)
  })()
  for (const { done } of batch) done()
}
const stored = (values: readonly string[]): Promise<void> =>
  new Promise((done) => {
    if (waiting.length === 0) setImmediate(flush)
    waiting.push({ values, done })
  })

const app = new Hono()
app.get('/api/devices/:id/status', (c) => {
  const row = device.get(c.req.param('id'))
  if (row === undefined) return c.notFound()
  return c.json({
    status: row.status,
    qrCode: row.qr_code,
    lastUpdate: new Date(row.updated_at).toISOString(),
  })
})
app.post('/api/devices/:id/send', async (c) => {
  const { to, message } = await c.req.json<{ to: string; message: string }>()
  const id = crypto.randomUUID()
  await stored([id, c.req.param('id'), to, message])
  return c.json({ status: 'queued', to, type: 'text', id }, 202)
})

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(port))
