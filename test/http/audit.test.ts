import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { auditExportRows } from '../../src/control/list-audit.ts'
import type { Store } from '../../src/store/store.ts'
import { createApi, type Api } from './api.ts'

interface Entry {
  readonly seq: number
  readonly at: string
  readonly action: string
  readonly address: string | null
  readonly target: { readonly kind: string; readonly id: string }
}
interface Entries {
  readonly entries: readonly Entry[]
  readonly nextCursor: string | null
}

let api: Api
let reads: number
let fails: boolean

const counting = (store: Store): Store => ({
  ...store,
  audit: {
    ...store.audit,
    after: async (...range) => {
      reads += 1
      if (fails && reads > 1) throw new Error('the disk is gone')
      return await store.audit.after(...range)
    },
  },
})

beforeEach(async () => {
  reads = 0
  fails = false
  api = await createApi({ store: counting })
})

const start = (id: string): Promise<unknown> => api.post(`/api/devices/${id}/start`)
const list = async (query = ''): Promise<Entries> => (await api.get(`/api/audit${query}`)).json as Entries
const exported = async (query = ''): Promise<{ headers: Headers; lines: Entry[] }> => {
  const response = await api.app.request(`/api/audit/export${query}`)
  return { headers: response.headers, lines: linesOf(await response.text()) }
}
const linesOf = (text: string): Entry[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Entry)

test('an entry says who did what to what, when, and what follows from the one before', async () => {
  await api.request('POST', '/api/devices/a/start', { headers: { 'x-request-id': 'mine-1' } })
  const { entries } = await list('?requestId=mine-1')
  expect(entries).toEqual([
    {
      seq: 1,
      id: expect.stringMatching(/^aud_/) as string,
      at: '2025-11-16T02:18:05.123Z',
      actor: { kind: 'api', id: null },
      address: null,
      requestId: 'mine-1',
      action: 'device.start',
      target: { kind: 'device', id: 'a' },
      before: null,
      after: expect.objectContaining({ desired: 'running' }) as object,
      erasedBy: null,
      contentHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    },
  ])
})

test('entries are found by action, target and time, newest first, page by page', async () => {
  for (const id of ['a', 'b']) await start(id)
  await api.post('/api/devices/a/stop')
  api.clock.wallMs += 60_000
  await start('c')
  const found = async (query: string): Promise<string[]> =>
    (await list(query)).entries.map(({ action, target }) => `${action} ${target.id}`)
  expect(await found('?action=device.start')).toEqual(['device.start c', 'device.start b', 'device.start a'])
  expect(await found('?action=device.st*')).toHaveLength(4)
  expect(await found('?targetKind=device&targetId=a')).toEqual(['device.stop a', 'device.start a'])
  expect(await found('?after=2025-11-16T02:19:00Z')).toEqual(['device.start c'])
  expect(await found('?before=2025-11-16T02:19:00Z&actor=api')).toHaveLength(3)
  expect(await found('?actor=cli')).toEqual([])
  const first = await list('?limit=3')
  const second = await list(`?limit=3&cursor=${first.nextCursor}`)
  expect([...first.entries, ...second.entries].map(({ seq }) => seq)).toEqual([4, 3, 2, 1])
  expect(second.nextCursor).toBeNull()
})

test('what cannot be understood is refused with what to do', async () => {
  const details = async (query: string): Promise<unknown> => (await api.get(`/api/audit${query}`)).json
  expect(await details('?targetId=a')).toMatchObject({
    detail: expect.stringContaining('targetKind') as string,
  })
  expect(await details('?action=Device')).toMatchObject({
    detail: expect.stringContaining('device.remove') as string,
  })
  expect(await details('?actor=me')).toMatchObject({ status: 400 })
  expect(await details('?cursor=x')).toMatchObject({ status: 400 })
  expect(await details(`?requestId=${'x'.repeat(257)}`)).toMatchObject({ status: 400 })
})

test('an export has each entry on a line, oldest first, of a time or of all', async () => {
  for (const id of ['a', 'b']) await start(id)
  api.clock.wallMs += 60_000
  await start('c')
  const { headers, lines } = await exported()
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  expect(headers.get('content-disposition')).toContain('audit.jsonl')
  expect(lines).toEqual((await list()).entries.toReversed())
  const seqs = async (query: string): Promise<number[]> => (await exported(query)).lines.map(({ seq }) => seq)
  expect(await seqs('?after=2025-11-16T02:19:00Z')).toEqual([3])
  expect(await seqs('?before=2025-11-16T02:19:00Z')).toEqual([1, 2])
  expect(await seqs('?after=2030-01-01')).toEqual([])
})

test('an export is read no faster than it is taken, and breaks where the database does', async () => {
  for (let n = 0; n < auditExportRows + 5; n++) await start(`d${n}`)
  reads = 0
  expect((await exported()).lines).toHaveLength(auditExportRows + 5)
  expect(reads).toBe(3)
  reads = 0
  fails = true
  const response = await api.app.request('/api/audit/export')
  expect(response.status).toBe(200)
  await expect(response.text()).rejects.toThrow('the disk is gone')
})

test('a request leaves the address of its socket, and not what its headers say', async () => {
  const started = Promise.withResolvers<AddressInfo>()
  // On a socket for both, the address of an IPv4 client is one of IPv6.
  const server = serve({ fetch: api.app.fetch, port: 0, hostname: '::' }, started.resolve)
  onTestFinished(() => {
    server.close()
  })
  const { port } = await started.promise
  await fetch(`http://127.0.0.1:${port}/api/devices/a/start`, {
    method: 'POST',
    headers: { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' },
  })
  expect((await list()).entries).toMatchObject([{ address: '127.0.0.1' }])
})
