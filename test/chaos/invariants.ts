/** What must be true of a World whose load was disturbed and has been drained: of both sides, and of the rows between. */
import type { PhoneMessage, World } from '../flows/world.ts'
import { type Load, waitingFor } from './load.ts'
import { atLeast, type Check, exactly } from './scenario.ts'

const numberOf = (jid: string): string => jid.split('@')[0] ?? jid

/** Names a few of many, so that a violation can be looked for. */
const some = (all: readonly string[]): string | number =>
  all.length === 0 ? 0 : `${all.length}: ${all.slice(0, 5).join(', ')}${all.length > 5 ? ', …' : ''}`

const none = (what: string, found: readonly string[]): Check => exactly(what, 0, some(found))

const groupBy = <T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>()
  for (const each of all) {
    const key = keyOf(each)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [each])
    else group.push(each)
  }
  return groups
}

const serialOf = (text: string): number => Number(text.split(' ').at(-1))

/** Texts that stand behind a later one of their chat. */
const outOfOrder = (texts: readonly string[]): string[] =>
  texts.filter((text, at) => at > 0 && serialOf(text) <= serialOf(texts[at - 1] ?? ''))

interface Shown {
  /** What the recipients' phones show of the devices' messages, by text. */
  readonly atFriends: ReadonlyMap<string, readonly PhoneMessage[]>
  /** What the phones of the devices' own accounts show of them. */
  readonly atOwners: ReadonlyMap<string, readonly PhoneMessage[]>
  /** By chat, in the order in which they were shown. */
  readonly chats: readonly (readonly string[])[]
}

const shownBy = async (world: World, load: Load): Promise<Shown> => {
  const isOurs = ({ text }: PhoneMessage): boolean => text.startsWith('out ')
  const friends = await Promise.all(load.friends.map((number) => world.phoneMessages(number)))
  const owners = await Promise.all(load.devices.map(({ number }) => world.phoneMessages(number)))
  const chats = friends.flatMap((messages) => [
    ...groupBy(messages.filter(isOurs), ({ from }) => from).values(),
  ])
  return {
    atFriends: groupBy(friends.flat().filter(isOurs), ({ text }) => text),
    atOwners: groupBy(owners.flat().filter(isOurs), ({ text }) => text),
    chats: chats.map((messages) => messages.map(({ text }) => text)),
  }
}

const outboundChecks = (world: World, load: Load, shown: Shown): Check[] => {
  const accepted = load.sent.filter((message) => message.accepted)
  const lostAt = (phones: Shown['atFriends']): string[] =>
    accepted.flatMap(({ text }) => (phones.has(text) ? [] : [text]))
  const twiceAt = (phones: Shown['atFriends']): string[] =>
    [...phones].flatMap(([text, copies]) => (copies.length > 1 ? [text] : []))
  const stored = groupBy(
    world.query<{ text: string; whatsapp_id: string; device_id: string }>(
      `select text, whatsapp_id, device_id from messages where direction = 'outbound'`,
    ),
    ({ text }) => text,
  )
  const strange = [...shown.atFriends, ...shown.atOwners].flatMap(([text, copies]) => {
    const ids = new Set((stored.get(text) ?? []).map((row) => row.whatsapp_id))
    return copies.some(({ id }) => !ids.has(id)) ? [text] : []
  })
  const byText = new Map(load.sent.map((message) => [message.text, message]))
  const astray = [...shown.atFriends].flatMap(([text, copies]) => {
    const message = byText.get(text)
    const isRight = (copy: PhoneMessage): boolean =>
      numberOf(copy.from) === message?.device.number && numberOf(copy.to) === message.friend
    return copies.every(isRight) ? [] : [text]
  })
  return [
    atLeast('messages accepted', 1, accepted.length),
    none('requests that were refused or never answered', [
      ...load.refused,
      ...load.sent.flatMap(({ text, accepted }) => (accepted ? [] : [text])),
    ]),
    none('accepted messages lost at the recipient', lostAt(shown.atFriends)),
    none("accepted messages lost at the sender's own phone", lostAt(shown.atOwners)),
    none('messages shown twice by a phone', [...twiceAt(shown.atFriends), ...twiceAt(shown.atOwners)]),
    none('messages on a phone under an id that no row has', strange),
    none('messages in the wrong chat', astray),
    none(
      'idempotency keys that gave two messages',
      load.sent.flatMap(({ key, text, ids }) =>
        ids.size > 1 || (stored.get(text)?.length ?? 0) > 1 ? [key] : [],
      ),
    ),
    none("messages out of their chat's order of acceptance", shown.chats.flatMap(outOfOrder)),
  ]
}

const inboundChecks = (world: World, load: Load): Check[] => {
  const rows = world.query<{ device_id: string; whatsapp_id: string; text: string | null }>(
    `select device_id, whatsapp_id, text from messages where direction = 'inbound' order by seq`,
  )
  const stored = groupBy(rows, ({ device_id, whatsapp_id, text }) => `${device_id} ${whatsapp_id} ${text}`)
  const copies = load.received.map(({ device, id, text }) => ({
    text,
    count: stored.get(`${device.id} ${id} ${text}`)?.length ?? 0,
  }))
  const written = new Set(load.received.map(({ device, id }) => `${device.id} ${id}`))
  return [
    atLeast('messages written by phones', 1, load.received.length),
    none(
      'inbound messages lost',
      copies.flatMap(({ text, count }) => (count === 0 ? [text] : [])),
    ),
    none(
      'inbound messages doubled',
      copies.flatMap(({ text, count }) => (count > 1 ? [text] : [])),
    ),
    none(
      'inbound messages out of the order in which they were written',
      [
        ...groupBy(
          rows.flatMap(({ text }) => text ?? []),
          (text) => text.split(' ')[1] ?? '',
        ).values(),
      ].flatMap(outOfOrder),
    ),
    none(
      'inbound messages that nobody wrote',
      rows.flatMap(({ device_id, whatsapp_id, text }) =>
        written.has(`${device_id} ${whatsapp_id}`) ? [] : [`${device_id} ${text ?? whatsapp_id}`],
      ),
    ),
  ]
}

const ranks: Readonly<Record<string, number>> = {
  queued: 0,
  sending: 1,
  sent: 2,
  delivered: 3,
  read: 4,
  played: 5,
}

/** Messages of which the log of events, or the audit log, tells that a status was taken back. */
const takenBack = (world: World): string[] => {
  const reached = new Map<string, number>()
  const events = world
    .query<{ id: string; type: string }>(
      `select json_extract(data, '$.messageId') as id, type from events where type like 'message.%' order by seq`,
    )
    .flatMap(({ id, type }) => {
      const rank = ranks[type.slice('message.'.length)]
      if (rank === undefined) return []
      const isBack = rank <= (reached.get(id) ?? -1)
      reached.set(id, Math.max(rank, reached.get(id) ?? -1))
      return isBack ? [`${id} ${type}`] : []
    })
  const audited = world
    .query<{ id: string; before: string; after: string }>(
      `select target_id as id, json_extract("before", '$.status') as "before", json_extract("after", '$.status') as "after"
       from audit_entries where target_kind = 'message' and "before" is not null`,
    )
    .flatMap(({ id, before, after }) => {
      // A message that is in hand is either: what is known to be with WhatsApp's server can never be queued again.
      const isBack = (ranks[before] ?? 0) >= 2 && (ranks[after] ?? 0) < (ranks[before] ?? 0)
      return isBack ? [`${id} ${before} -> ${after}`] : []
    })
  return [...events, ...audited]
}

const rowChecks = (world: World): Check[] => {
  const rows = (sql: string): string[] => world.query<{ row: string }>(sql).map(({ row }) => row)
  return [
    none(
      'outbound messages not settled as sent',
      rows(
        `select text || ' ' || m.status || ' ' || o.state || ' ' || coalesce(m.error_detail, '') as row
         from messages m join outbox o on o.message_id = m.id
         where m.status not in ('sent', 'delivered', 'read', 'played') or o.state <> 'sent'`,
      ),
    ),
    none('statuses that went back', takenBack(world)),
    none(
      'messages stored as undecryptable',
      rows(`select device_id || ' ' || whatsapp_id as row from messages where type = 'undecryptable'`),
    ),
    none('journaled and not stored', rows(`select stanza_key as row from journal where promoted_at is null`)),
    exactly(
      'pragma integrity_check',
      'ok',
      rows('select integrity_check as row from pragma_integrity_check').join(),
    ),
  ]
}

/**
 * Looks at everything that the load has left, on the phones, at the server and in the database. Call it when the load
 * is drained, with the gateway running or not.
 */
export const invariants = async (world: World, load: Load): Promise<Check[]> => {
  const shown = await shownBy(world, load)
  const stats = await world.stats()
  const waiting = await Promise.all(load.devices.map(({ number }) => waitingFor(world, number)))
  return [
    ...outboundChecks(world, load, shown),
    ...inboundChecks(world, load),
    exactly('messages that a phone could not decrypt', 0, stats['undecryptable'] ?? -1),
    exactly(
      'stanzas never confirmed to the server',
      0,
      waiting.reduce((sum, count) => sum + count, 0),
    ),
    ...rowChecks(world),
  ]
}

/** What was done, for the reader of a report. */
export const loadFacts = async (world: World, load: Load): Promise<Record<string, string | number>> => {
  const stats = await world.stats()
  const failures = [...load.failures].map(([why, count]) => `${count} x ${why}`).join(', ')
  return {
    'messages accepted': load.sent.filter((message) => message.accepted).length,
    'messages written by phones': load.received.length,
    'phones, strangers among them': `${load.friends.length}, ${load.friends.length - load.settings.friends - (load.settings.sleepers ?? 0)}`,
    'requests made again by clients': failures === '' ? 0 : failures,
    'repeats of one id on the wire': stats['repeatsFromCompanions'] ?? 0,
    'delivered again by the server': stats['redelivered'] ?? 0,
    'retry receipts of devices, of phones': `${stats['retryReceiptsFromCompanions'] ?? 0}, ${stats['retryReceiptsFromPhones'] ?? 0}`,
    'refusals (nack) by devices': stats['nacksFromCompanions'] ?? 0,
    logins: stats['logins'] ?? 0,
  }
}
