import { audited, type Receipt } from './accounted.ts'
import { and, asc, desc, eq, getTableColumns, lt, ne, sql } from './drizzle.ts'
import type { Device, DeviceChange } from '../../domain/device.ts'
import type { Pacing } from '../../domain/pacing.ts'
import type { DeviceView } from '../../domain/shown-status.ts'
import { assert } from '../../domain/errors.ts'
import type { DeviceStore } from '../store.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { toLease } from './leases.ts'
import { parseCursor, toPage } from './pages.ts'
import { devices, leases, statusHistory } from './schema.ts'
import { directGet, everyColumn, excluded, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

type DeviceRow = typeof devices.$inferSelect
type LeaseRow = typeof leases.$inferSelect

const toDevice = (row: DeviceRow): Device => ({
  id: row.id,
  desired: row.desired,
  generation: row.generation,
  settledGeneration: row.settledGeneration,
  status: row.status,
  reason: row.reason,
  detail: row.detail,
  statusAt: row.statusAt,
  startedAt: row.startedAt,
  notBefore: row.notBefore,
  qr:
    row.qrText === null || row.qrDataUrl === null || row.qrExpiresAt === null
      ? null
      : { text: row.qrText, dataUrl: row.qrDataUrl, expiresAt: row.qrExpiresAt },
  pairingCode:
    row.pairingPhone === null || row.pairingRequestedAt === null
      ? null
      : {
          phone: row.pairingPhone,
          requestedAt: row.pairingRequestedAt,
          code: row.pairingCode,
          error: row.pairingError,
        },
  account: row.accountPn === null ? null : { pn: row.accountPn, lid: row.accountLid, pushName: row.pushName },
  pairedAt: row.pairedAt,
  lastConnectedAt: row.lastConnectedAt,
  unlinkRequestedAt: row.unlinkRequestedAt,
  removedAt: row.removedAt,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  pacing: row.pacing === null ? null : (JSON.parse(row.pacing) as Pacing),
  restrictedUntil: row.restrictedUntil,
})

const toRow = ({ qr, pairingCode, account, pacing, ...device }: Device): DeviceRow => ({
  ...device,
  pacing: pacing === null ? null : JSON.stringify(pacing),
  qrText: qr?.text ?? null,
  qrDataUrl: qr?.dataUrl ?? null,
  qrExpiresAt: qr?.expiresAt ?? null,
  pairingPhone: pairingCode?.phone ?? null,
  pairingRequestedAt: pairingCode?.requestedAt ?? null,
  pairingCode: pairingCode?.code ?? null,
  pairingError: pairingCode?.error ?? null,
  accountPn: account?.pn ?? null,
  accountLid: account?.lid ?? null,
  pushName: account?.pushName ?? null,
})

export const createDeviceQueries = (db: Db) => {
  const ofId = eq(devices.id, param('id'))
  const selectViews = db
    .select({ device: devices, lease: leases })
    .from(devices)
    .leftJoin(leases, eq(leases.name, sql`'device/' || ${devices.id}`))
    .where(ne(devices.desired, sql`'removed'`))
    .orderBy(asc(devices.id))
    .prepare()
  const columns = getTableColumns(devices)
  const select = directGet(db, columns, db.select(columns).from(devices).where(ofId))
  // One statement: what a read of a status pays most for is SQLite's locks.
  const viewColumns = { ...columns, ...getTableColumns(leases) }
  const selectView = directGet(
    db,
    viewColumns,
    db
      .select(viewColumns)
      .from(devices)
      .leftJoin(leases, eq(leases.name, sql`'device/' || ${devices.id}`))
      .where(ofId),
  )
  const selectUnsettled = db
    .select()
    .from(devices)
    .where(sql`generation > settled_generation`)
    .orderBy(asc(devices.id))
    .prepare()
  const get = (id: string): Device | undefined => {
    const row = select({ id })
    return row === undefined ? undefined : toDevice(row)
  }
  return {
    get,
    view: (id: string): DeviceView | undefined => {
      const row = selectView({ id })
      return row === undefined
        ? undefined
        : { device: toDevice(row), lease: toLease(row.name === null ? null : (row as LeaseRow)) }
    },
    views: (): readonly DeviceView[] =>
      selectViews.all().map(({ device, lease }) => ({ device: toDevice(device), lease: toLease(lease) })),
    unsettled: (): readonly Device[] => selectUnsettled.all().map(toDevice),
  }
}

export type DeviceQueries = ReturnType<typeof createDeviceQueries>

export const createDevices = (
  db: Db,
  engine: Engine,
  { fence, tracer, queries }: { fence: Fence; tracer: Tracer; queries: DeviceQueries },
): DeviceStore => {
  const { id: _id, createdAt: _createdAt, ...mutable } = getTableColumns(devices)
  const upsert = db
    .insert(devices)
    .values(everyColumn(devices))
    .onConflictDoUpdate({
      target: devices.id,
      set: excluded(devices, ...(Object.keys(mutable) as (keyof typeof mutable)[])),
    })
    .prepare()
  const insertHistory = db.insert(statusHistory).values(everyColumn(statusHistory)).prepare()
  const { deviceId: _deviceId, ...historyColumns } = getTableColumns(statusHistory)
  const selectHistory = db
    .select(historyColumns)
    .from(statusHistory)
    .where(and(eq(statusHistory.deviceId, param('deviceId')), lt(statusHistory.seq, param('before'))))
    .orderBy(desc(statusHistory.seq))
    .limit(upTo('limit'))
    .prepare()

  const apply = (id: string, { device, events, audit }: DeviceChange): Receipt => {
    assert(device.id === id, `a decision on device ${id} returned device ${device.id}`)
    const at = device.updatedAt
    upsert.run(toRow(device))
    for (const event of events) {
      if (event.type === 'device.status_changed') insertHistory.run({ ...event.data, deviceId: id, at })
      tracer.event(event, at)
    }
    return tracer.audit(audit, at)
  }

  return {
    decide: (id, decision) =>
      engine.write(() => {
        const receipt = apply(id, decision(queries.get(id)))
        const view = queries.view(id)
        assert(view, `device ${id} is not there after it was written`)
        return audited(receipt, view)
      }),
    observe: (lease, id, decision) =>
      engine.write(() => {
        fence(lease)
        const before = queries.get(id)
        assert(before, `device ${id} does not exist`)
        const change = decision(before)
        return audited(apply(id, change), change.device)
      }),
    get: (id) => engine.read(() => queries.view(id)),
    list: () => engine.read(queries.views),
    unsettled: () => engine.read(queries.unsettled),
    history: async (deviceId, { limit, cursor }) => {
      const before = parseCursor(cursor)
      const rows = await engine.read(() => selectHistory.all({ deviceId, before, limit: limit + 1 }))
      return toPage(rows, limit)
    },
  }
}
