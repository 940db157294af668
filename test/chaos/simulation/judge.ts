/** What must be true of the whole: what is shown while it runs, and what came of everything in the end. */
import { shownStatus } from '../../../src/domain/shown-status.ts'
import type { Message } from '../../../src/domain/message.ts'
import type { Event } from '../../../src/domain/event.ts'
import { readClock } from '../../../src/runtime/clock.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Frame } from './frame.ts'
import { falseMaxMs } from './gateway.ts'
import type { Server } from './server.ts'
import type { Users } from './users.ts'
import type { ModelWitness } from './witness.ts'

interface Seen {
  readonly store: Store
  readonly server: Server
  readonly users: Users
}

const lookMs = 1_500
const pageMax = 10_000

const sessionOf = (server: Server, deviceId: string): boolean =>
  [...server.sessions].some(
    ({ link, state, deaf, oneWay }) => link.deviceId === deviceId && state === 'open' && !deaf && !oneWay,
  )

/** Nobody is told `connected` for long while there is no connection, and a reader of events misses none. */
export const watchShown = ({ frame, store, server, users }: Seen & { readonly frame: Frame }): void => {
  const falseSince = new Map<string, number>()
  const luck = frame.random.fork('readers')
  let cursor = 0

  const readEvents = async (): Promise<void> => {
    const events = await store.events.after(cursor, { limit: luck.between(1, 40) })
    for (const { seq } of events) {
      if (seq !== cursor + 1) frame.violate(`a reader at event ${cursor} was given event ${seq}`)
      cursor = seq
    }
  }
  const look = async (): Promise<void> => {
    for (const id of users.deviceIds) {
      const view = await store.devices.get(id)
      const isFalse =
        view !== undefined &&
        shownStatus(view, readClock(frame.clock)).status === 'connected' &&
        !sessionOf(server, id)
      if (!isFalse) falseSince.delete(id)
      else if (!falseSince.has(id)) falseSince.set(id, frame.loop.now)
      const ms = frame.loop.now - (falseSince.get(id) ?? frame.loop.now)
      if (ms > falseMaxMs)
        frame.violate(`${id} has been shown as connected for ${Math.round(ms)} ms without a session`)
    }
    await readEvents()
    frame.loop.after(frame.outside, lookMs * luck.next(), () => void look())
  }
  frame.loop.after(frame.outside, lookMs, () => void look())
}

const messagesOf = async (store: Store, users: Users): Promise<readonly Message[]> => {
  const pages = await Promise.all(
    users.deviceIds.map((deviceId) => store.messages.list({ deviceId }, { limit: pageMax })),
  )
  return pages.flatMap(({ items }) => items)
}

/** What still has to happen, in words. */
export const unfinished = async ({ store, server, users }: Seen): Promise<readonly string[]> => {
  const left: string[] = []
  if (users.waiting > 0) left.push(`${users.waiting} requests have no answer`)
  for (const id of users.deviceIds) {
    const view = await store.devices.get(id)
    const status = view?.device.status
    if (status !== 'connected') left.push(`device ${id} is ${status} (${view?.device.reason})`)
    else if (!sessionOf(server, id)) left.push(`device ${id} has no session`)
    const pending = (await store.inbound.pending(id, pageMax)).length
    if (pending > 0) left.push(`${pending} stanzas of ${id} are journaled and not promoted`)
  }
  for (const { active, queue, id } of server.links.values()) {
    if (active && queue.size > 0) left.push(`${queue.size} pushes on ${id} are not answered`)
  }
  for (const deviceId of users.deviceIds) {
    for (const status of ['queued', 'sending'] as const) {
      const { items } = await store.messages.list({ deviceId, status }, { limit: pageMax })
      for (const { id } of items) left.push(`message ${id} is ${status}`)
    }
  }
  return left
}

/** Why a message may be `failed`. */
const isLegalFailure = ({ error, id }: Message, server: Server): boolean => {
  const code = error?.code ?? ''
  const fate = server.fates.get(id)
  if (code.startsWith('nack_')) return fate?.refusals.includes(Number(code.slice(5))) === true
  return ['device_removed', 'other_account', 'unknown_outcome'].includes(code)
}

const duplicates = (ids: readonly string[]): readonly string[] =>
  ids.filter((id, at) => ids.indexOf(id) !== at)

export const judge = async ({
  frame,
  store,
  server,
  users,
  witness,
}: Seen & { readonly frame: Frame; readonly witness: ModelWitness }): Promise<void> => {
  const { violate } = frame
  for (const what of await unfinished({ store, server, users })) violate(`has not come to rest: ${what}`)
  const messages = await messagesOf(store, users)
  const byId = new Map(messages.map((message) => [message.id, message]))
  const outbound = messages.filter(({ direction }) => direction === 'outbound')

  // Accepted is a promise.
  for (const { messageId, text } of users.accepted) {
    const message = byId.get(messageId)
    if (message === undefined) violate(`accepted message ${messageId} is not there`)
    else if (message.text !== text)
      violate(`accepted message ${messageId} says "${message.text}", not "${text}"`)
  }
  for (const message of outbound) {
    const fate = server.fates.get(message.id)
    const { status, id } = message
    if (status === 'failed') {
      if (!isLegalFailure(message, server))
        violate(`message ${id} failed for no legal reason: ${message.error?.code}`)
      frame.count(`failed: ${message.error?.code}`)
    } else if (fate?.acceptedAt === undefined)
      violate(`message ${id} is ${status}, and WhatsApp has never had it`)
    if (users.refused.has(message.text ?? '')) violate(`message ${id} was refused, and is there all the same`)
  }
  for (const text of duplicates(outbound.map((message) => message.text ?? ''))) {
    violate(`"${text}" is there twice`)
  }

  // Per chat, phones show messages in the order in which they were accepted.
  for (const [line, ids] of server.shown) {
    const [, to = ''] = line.split(' ')
    for (const [deviceChat, order] of witness.accepted) {
      if (!deviceChat.endsWith(` ${to}`)) continue
      const seen = ids.filter((id) => order.includes(id))
      const wanted = order.filter((id) => ids.includes(id))
      if (seen.join() !== wanted.join())
        violate(`${line} showed ${seen.join(' ')}, accepted were ${wanted.join(' ')}`)
    }
    for (const id of duplicates(ids)) violate(`${line} showed ${id} twice`)
  }

  // Each inbound message of a link that still stands is there once, and was told once.
  const received = new Map<string, number>()
  const events: readonly Event[] = await store.events.after(0, {
    limit: pageMax,
    types: ['message.received'],
  })
  for (const { data } of events) {
    if (!('messageId' in data)) continue
    received.set(data.messageId, (received.get(data.messageId) ?? 0) + 1)
  }
  for (const { id, link, text, from } of server.sentIn) {
    const found = messages.filter((message) => message.direction === 'inbound' && message.whatsappId === id)
    if (found.length > 1) violate(`inbound ${id} is there ${found.length} times`)
    const [message] = found
    if (message === undefined) {
      if (link.active) violate(`inbound ${id} from ${from} is lost`)
      continue
    }
    frame.count('inbound stored')
    if (link.active && message.status === 'failed') violate(`inbound ${id} was never read`)
    if (message.status !== 'failed' && message.text !== text) violate(`inbound ${id} says "${message.text}"`)
    const times = received.get(message.id) ?? 0
    if (message.status !== 'failed' && times !== 1) violate(`inbound ${id} was told ${times} times`)
  }
}
