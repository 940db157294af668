import { audited, unaudited, unchanged, type Accounted, type Receipt } from './accounted.ts'
import { and, asc, eq, gt, inArray, isNotNull, isNull, lt, lte, min, notInArray, or, sql } from './drizzle.ts'
import type { AuditAction, Origin } from '../../domain/audit.ts'
import { GatewayError } from '../../domain/errors.ts'
import { fetchAheadMaxMs, type AfterFetch } from '../../domain/media-fetch.ts'
import type { Media } from '../../domain/media.ts'
import type { MediaStore, NewMedia } from '../media-store.ts'
import type { Engine } from './engine.ts'
import type { Fence } from './fence.ts'
import {
  mediaColumns,
  mediaEvents,
  type MediaQueries,
  readRemote,
  remoteText,
  toMedia,
} from './media-rows.ts'
import { bulks } from './bulk-schema.ts'
import { media, mediaUploads, messages, outbox } from './schema.ts'
import { directGet, directWrite, everyColumn, excluded, param, type Db, upTo } from './statements.ts'
import type { Tracer } from './trace.ts'

const newFile = (file: NewMedia, now: number): Media => ({
  ...file,
  messageId: null,
  state: 'stored',
  remote: null,
  error: null,
  attempts: 0,
  dueAt: null,
  createdAt: now,
  storedAt: now,
  removedAt: null,
})

const afterAttempt = (file: Media, after: AfterFetch, now: number): Media => {
  const attempts = file.attempts + 1
  switch (after.state) {
    case 'stored': {
      const { sha256, bytes } = after
      return { ...file, state: 'stored', sha256, bytes, attempts, dueAt: null, error: null, storedAt: now }
    }
    case 'waiting':
      return { ...file, attempts, dueAt: after.dueAt, error: after.error }
    case 'failed':
      return { ...file, state: 'failed', attempts, dueAt: null, error: after.error }
  }
}

export const createMedia = (
  db: Db,
  engine: Engine,
  { fence, tracer, queries }: { fence: Fence; tracer: Tracer; queries: MediaQueries },
): MediaStore => {
  const ofDevice = eq(media.deviceId, param('deviceId'))
  // A time that lies too far ahead was set before the clock was put back.
  const isDue = or(lte(media.dueAt, param('now')), gt(media.dueAt, param('ahead')))
  const selectDue = db
    .select(mediaColumns)
    .from(media)
    .where(and(ofDevice, isNotNull(media.dueAt), isDue))
    .orderBy(asc(media.dueAt))
    .limit(upTo('limit'))
    .prepare()
  const earliest = { dueAt: min(media.dueAt) }
  const selectNextDue = directGet(
    db,
    earliest,
    db
      .select(earliest)
      .from(media)
      .where(and(ofDevice, isNotNull(media.dueAt))),
  )
  /** What messages need that are not sent, and whose file WhatsApp may not have yet. */
  const uploadId = sql<string | null>`${messages.body} ->> '$.media.uploadId'`
  const selectNeeded = db
    .select({ id: uploadId })
    .from(outbox)
    .innerJoin(messages, eq(messages.id, outbox.messageId))
    .where(
      and(
        sql`${outbox.state} in ('queued', 'sending') and parked_for is null`,
        sql`${messages.content} is null`,
      ),
    )
    .prepare()
  const selectParked = db
    .select({ id: uploadId })
    .from(outbox)
    .innerJoin(messages, eq(messages.id, outbox.messageId))
    .where(sql`parked_for is not null`)
    .prepare()
  const selectOfBulks = db
    .select({ id: sql<string | null>`${bulks.body} ->> '$.media.uploadId'` })
    .from(bulks)
    .where(isNull(bulks.endedAt))
    .prepare()
  const selectOldest = db
    .select(mediaColumns)
    .from(media)
    .where(
      and(
        sql`${media.state} = 'stored'`,
        lt(media.storedAt, param('before')),
        notInArray(media.id, sql`(select value from json_each(${param('needed')}))`),
      ),
    )
    .orderBy(asc(media.storedAt))
    .limit(upTo('limit'))
    .prepare()
  const selectKept = db
    .select({ sha256: media.sha256 })
    .from(media)
    .where(
      and(
        sql`${media.state} = 'stored'`,
        inArray(media.sha256, sql`(select value from json_each(${param('hashes')}))`),
      ),
    )
    .prepare()
  const upload = and(
    eq(mediaUploads.deviceId, param('deviceId')),
    eq(mediaUploads.sha256, param('sha256')),
    eq(mediaUploads.kind, param('kind')),
  )
  const selectUpload = db.select().from(mediaUploads).where(upload).prepare()
  const insertUpload = directWrite(
    db,
    db
      .insert(mediaUploads)
      .values(everyColumn(mediaUploads))
      .onConflictDoUpdate({
        target: [mediaUploads.deviceId, mediaUploads.sha256, mediaUploads.kind],
        set: excluded(mediaUploads, 'remote', 'uploadedAt'),
      }),
  )
  const deleteUploads = db
    .delete(mediaUploads)
    .where(and(eq(mediaUploads.deviceId, param('deviceId')), lt(mediaUploads.uploadedAt, param('before'))))
    .prepare()

  const trace = (
    action: AuditAction,
    before: Media | null,
    after: Media,
    { origin, now }: { readonly origin: Origin; readonly now: number },
  ): Receipt => {
    for (const event of mediaEvents(after)) tracer.event(event, now)
    const shown = ({ state, sha256, bytes, error }: Media) => ({
      state,
      sha256,
      bytes,
      error: error?.code ?? null,
    })
    return tracer.audit(
      {
        origin,
        action,
        target: { kind: 'media', id: after.id },
        before: before === null ? null : shown(before),
        after: shown(after),
      },
      now,
    )
  }

  const needed = (): readonly string[] =>
    [...selectNeeded.all(), ...selectParked.all(), ...selectOfBulks.all()].flatMap(({ id }) => id ?? [])

  const drop = (before: Media, origin: Origin, now: number): Accounted<Media> => {
    const after: Media = { ...before, state: 'removed', dueAt: null, error: null, removedAt: now }
    queries.update(after)
    return audited(trace('media.remove', before, after, { origin, now }), after)
  }

  return {
    add: (file, origin, now) =>
      engine.write(() => {
        const after = newFile(file, now)
        queries.insert(after)
        return audited(trace('media.add', null, after, { origin, now }), after)
      }),
    get: (id) => engine.read(() => queries.get(id)),
    due: (deviceId, now, limit) =>
      engine.read(() => selectDue.all({ deviceId, now, ahead: now + fetchAheadMaxMs, limit }).map(toMedia)),
    nextDue: (deviceId) => engine.read(() => selectNextDue({ deviceId })?.dueAt ?? null),
    fetched: (lease, id, after, origin, now) =>
      engine.write(() => {
        fence(lease)
        const before = queries.get(id)
        if (before?.state !== 'waiting') return unchanged(undefined)
        const file = afterAttempt(before, after, now)
        queries.update(file)
        return audited(trace('media.fetch', before, file, { origin, now }), undefined)
      }),
    moved: (lease, id, remote) =>
      engine.writeQuietly(() => {
        fence(lease)
        const before = queries.get(id)
        if (before !== undefined) queries.update({ ...before, remote })
        return unaudited('cache', undefined)
      }),
    fetch: (id, lost, origin, now) =>
      engine.write(() => {
        const before = queries.get(id)
        if (before === undefined || before.remote === null) return unchanged(before)
        if (before.state === 'stored' && !lost) return unchanged(before)
        const after: Media = {
          ...before,
          state: 'waiting',
          attempts: 0,
          dueAt: now,
          error: null,
          removedAt: null,
        }
        queries.update(after)
        return audited(trace('media.retry', before, after, { origin, now }), after)
      }),
    remove: (id, origin, now) =>
      engine.write(() => {
        const before = queries.get(id)
        if (before === undefined || before.state === 'removed') return unchanged(before)
        if (needed().includes(id)) {
          const detail = `file ${id} is needed by a message that is not sent yet: cancel the message first`
          throw new GatewayError('media_in_use', detail)
        }
        return drop(before, origin, now)
      }),
    removeOldest: (lease, { before, limit, bytes = Number.POSITIVE_INFINITY }, origin, now) =>
      engine.write(() => {
        fence(lease)
        const removed: Accounted<Media>[] = []
        let freed = 0
        for (const row of selectOldest.all({ before, limit, needed: JSON.stringify(needed()) })) {
          if (freed >= bytes) break
          freed += row.bytes
          removed.push(drop(toMedia(row), origin, now))
        }
        return audited(
          removed,
          removed.map(({ value }) => value),
        )
      }),
    kept: (hashes) =>
      engine.read(
        () => new Set(selectKept.all({ hashes: JSON.stringify(hashes) }).map(({ sha256 }) => sha256)),
      ),
    uploaded: (deviceId, sha256, kind) =>
      engine.read(() => {
        const row = selectUpload.get({ deviceId, sha256, kind })
        return row === undefined ? undefined : { remote: readRemote(row.remote), uploadedAt: row.uploadedAt }
      }),
    keepUpload: (lease, deviceId, sha256, remote, now) =>
      engine.writeQuietly(() => {
        fence(lease)
        const { kind } = remote
        insertUpload({ deviceId, sha256, kind, remote: remoteText(remote), uploadedAt: now })
        return unaudited('cache', undefined)
      }),
    forgetUploads: (deviceId, before) =>
      engine.writeQuietly(() => unaudited('prune', deleteUploads.run({ deviceId, before }).changes)),
  }
}
