import { unaudited } from './accounted.ts'
import { and, asc, eq, getTableColumns, gt, lte, max, sql } from './drizzle.ts'
import type { Event, EventType } from '../../domain/event.ts'
import { withAddresses } from '../../domain/sighting.ts'
import type { EventStore } from '../store.ts'
import type { AddressQueries } from './addresses.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import { events, isTold, meta } from './schema.ts'
import { directAll, directGet, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

/** How many events one read may look through for the wanted ones: a rare type must not hold up the event loop. */
const windowSeqs = 5_000

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** The type and its data were written together from a NewEvent. */
export const toEvent = ({ data, ...row }: typeof events.$inferSelect): Event =>
  ({ ...row, data: JSON.parse(data) as unknown }) as Event

/** The newest event that is not kept any more; whoever removes events writes it in the same transaction. */
export const eventsFloorKey = 'events_floor'

export const createEvents = (
  db: Db,
  engine: Engine,
  { fence, tracer, addresses }: { fence: Fence; tracer: Tracer; addresses: AddressQueries },
): EventStore => {
  const inWindow = and(gt(events.seq, param('after')), lte(events.seq, param('until')), isTold)
  // A text with a space around each wanted one: a table of them would cost more than the rest of the query.
  const wanted = sql`instr(${param('types')}, ' ' || ${events.type} || ' ') > 0`
  const ofDevices = sql`instr(${param('deviceIds')}, ' ' || ${events.deviceId} || ' ') > 0`
  const ofDevice = eq(events.deviceId, param('deviceId'))
  const columns = getTableColumns(events)
  const query = (where: ReturnType<typeof and>) =>
    directAll(
      db,
      columns,
      db.select(columns).from(events).where(where).orderBy(asc(events.seq)).limit(upTo('limit')),
    )
  const all = query(inWindow)
  const byType = query(and(inWindow, wanted))
  const byDevice = query(and(ofDevice, inWindow))
  const byDeviceAndType = query(and(ofDevice, inWindow, wanted))
  const byDevices = query(and(inWindow, ofDevices))
  const byDevicesAndType = query(and(inWindow, ofDevices, wanted))
  const newestSeq = { seq: max(events.seq) }
  const newest = directGet(db, newestSeq, db.select(newestSeq).from(events))
  const floorValue = { value: meta.value }
  const selectFloor = directGet(
    db,
    floorValue,
    db
      .select(floorValue)
      .from(meta)
      .where(eq(meta.key, param('key'))),
  )
  const floor = (): number => Number(selectFloor({ key: eventsFloorKey })?.value ?? 0)
  const latest = (): number => newest({})?.seq ?? floor()

  const listed = (values: readonly string[]): string => ` ${values.join(' ')} `

  const select = (
    after: number,
    until: number,
    {
      limit,
      deviceIds,
      types,
    }: { limit: number; deviceIds?: readonly string[]; types?: readonly EventType[] },
  ): Event[] => {
    const range = { after, until, limit }
    const typed = types === undefined ? undefined : { ...range, types: listed(types) }
    const [deviceId, ...others] = deviceIds ?? []
    if (deviceIds === undefined) return (typed === undefined ? all(range) : byType(typed)).map(toEvent)
    // Those of one device have an index of their own.
    if (deviceId !== undefined && others.length === 0) {
      const rows =
        typed === undefined ? byDevice({ ...range, deviceId }) : byDeviceAndType({ ...typed, deviceId })
      return rows.map(toEvent)
    }
    const ofThem = { deviceIds: listed(deviceIds) }
    const rows =
      typed === undefined ? byDevices({ ...range, ...ofThem }) : byDevicesAndType({ ...typed, ...ofThem })
    return rows.map(toEvent)
  }

  return {
    async after(after, filter) {
      if (filter.types === undefined && (filter.deviceIds?.length ?? 1) === 1) {
        return engine.read(() => select(after, filter.until ?? Number.MAX_SAFE_INTEGER, filter))
      }
      const end = filter.until ?? (await engine.read(latest))
      const found: Event[] = []
      // Where nothing is kept any more there is nothing to look through.
      const first = Math.max(after, await engine.read(floor))
      for (let from = first; from < end && found.length < filter.limit; from += windowSeqs) {
        if (from > first) await turn()
        const until = Math.min(from + windowSeqs, end)
        const limit = filter.limit - found.length
        found.push(...(await engine.read(() => select(from, until, { ...filter, limit }))))
      }
      return found
    },
    latest: () => engine.read(latest),
    floor: () => engine.read(floor),
    note: (lease, deviceId, sightings, now) =>
      engine.write(() => {
        fence(lease)
        for (const sighting of sightings) {
          const whole = withAddresses(sighting, (party) => addresses.complete(deviceId, party))
          tracer.event({ ...whole, deviceId }, now)
        }
        return unaudited('sighting', undefined)
      }),
  }
}
