import { EventEmitter } from 'node:events'
import { type BaileysEventMap, type BinaryNode, proto, type SignalKeyStore } from '@whiskeysockets/baileys'
import { describe, expect, it } from 'vitest'
import type { Sighting } from '../../../src/domain/event.ts'
import { quietLogger } from '../../../src/whatsapp/quiet-logger.ts'
import { followSightings, stateChangesMax } from '../../../src/whatsapp/sightings/follow.ts'
import { keepLog } from '../../connector/world.ts'

const me = { pn: '491700000000@s.whatsapp.net', lid: '9000000@lid' }
const annPn = '491511111111@s.whatsapp.net'
const { INITIAL_BOOTSTRAP, RECENT } = proto.HistorySync.HistorySyncType
const annLid = '11111111@lid'

const memoryKeys = (rows: Map<string, unknown> = new Map()) => {
  const keys = {
    rows,
    get: async (type: string, ids: string[]) =>
      Object.fromEntries(ids.map((id) => [id, rows.get(`${type} ${id}`)])),
    set: async (data: Record<string, Record<string, unknown>>) => {
      for (const [type, byId] of Object.entries(data)) {
        for (const [id, value] of Object.entries(byId)) rows.set(`${type} ${id}`, value)
      }
    },
  }
  return keys
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

const follow = (keys = memoryKeys(), more: { tell?: () => void } = {}) => {
  const ws = new EventEmitter()
  const ev = new EventEmitter()
  const told: (readonly Sighting[])[] = []
  const leftOut: number[] = []
  const errors: unknown[] = []
  const state = { read: true }
  const { onUnknownAction } = followSightings({
    ws,
    ev,
    keys: keys as unknown as SignalKeyStore,
    me: () => me,
    hasState: () => state.read,
    tell: (sightings) => {
      more.tell?.()
      told.push(sightings)
    },
    onLeftOut: (changes) => leftOut.push(changes),
    onError: (error) => errors.push(error),
  })
  const says = async (pushName: string | undefined, from = annLid, attrs: BinaryNode['attrs'] = {}) => {
    ws.emit('CB:message', {
      tag: 'message',
      attrs: { id: 'M', from, ...(pushName === undefined ? {} : { notify: pushName }), ...attrs },
    })
    await turn()
  }
  return {
    ws,
    told,
    leftOut,
    errors,
    state,
    says,
    onUnknownAction,
    emit: <E extends keyof BaileysEventMap>(event: E, data: BaileysEventMap[E]) => ev.emit(event, data),
    names: () =>
      told.flat().flatMap(({ data }) => ('pushName' in data ? [[data.contact.jid, data.pushName]] : [])),
  }
}

const contacts = (count: number): BaileysEventMap['contacts.upsert'] =>
  Array.from({ length: count }, (_, at) => ({ id: `${491_510_000_000 + at}@s.whatsapp.net`, name: `N${at}` }))

const deepFreeze = <T extends object>(value: T): T => {
  for (const inside of Object.values(value) as unknown[]) {
    if (typeof inside === 'object' && inside !== null) deepFreeze(inside)
  }
  return Object.freeze(value)
}

describe('stanzas', () => {
  it.each<readonly [string, BinaryNode, string]>([
    ['CB:presence', { tag: 'presence', attrs: { from: annPn } }, 'presence.updated'],
    [
      'CB:chatstate',
      { tag: 'chatstate', attrs: { from: annPn }, content: [{ tag: 'composing', attrs: {} }] },
      'presence.updated',
    ],
    [
      'CB:call',
      {
        tag: 'call',
        attrs: { from: annPn },
        content: [{ tag: 'offer', attrs: { 'call-id': 'C', 'call-creator': annPn } }],
      },
      'call.received',
    ],
    [
      'CB:notification',
      {
        tag: 'notification',
        attrs: { type: 'w:gp2', from: '120363000000000001@g.us' },
        content: [{ tag: 'locked', attrs: {} }],
      },
      'group.updated',
    ],
    [
      'CB:notification',
      { tag: 'notification', attrs: { type: 'picture', from: annPn }, content: [{ tag: 'set', attrs: {} }] },
      'contact.updated',
    ],
  ])('of %s are told at once, and stay for Baileys as they are', (event, node, type) => {
    const { ws, told, errors } = follow()
    ws.emit(event, deepFreeze(node))
    expect(told.map((sightings) => sightings.map((sighting) => sighting.type))).toEqual([[type]])
    expect(errors).toEqual([])
  })

  it('that say nothing are not told', () => {
    const { ws, told } = follow()
    ws.emit('CB:notification', { tag: 'notification', attrs: { type: 'devices', from: annPn } })
    ws.emit('CB:presence', { tag: 'presence', attrs: {} })
    expect(told).toEqual([])
  })

  it('that cannot be read, and a listener that throws, are errors and no exceptions', async () => {
    const { ws, errors, emit, says } = follow(memoryKeys(), {
      tell: () => {
        throw new Error('of the listener')
      },
    })
    ws.emit('CB:presence', undefined)
    ws.emit('CB:presence', { tag: 'presence', attrs: { from: annPn } })
    emit('contacts.upsert', contacts(1))
    emit('messaging-history.set', undefined as never)
    ws.emit('CB:message', undefined)
    await says('Ann')
    await says('Anna')
    expect(errors).toHaveLength(6)
  })
})

describe('the name of who writes', () => {
  it('is news when it has changed, and not when it is heard for the first time', async () => {
    const { says, names } = follow()
    await says('Ann')
    await says('Ann')
    await says('Anna', annLid, { sender_pn: annPn })
    await says('Anna')
    expect(names()).toEqual([[annPn, 'Anna']])
  })

  it('is remembered by the store, beyond the socket', async () => {
    const keys = memoryKeys()
    await follow(keys).says('Ann')
    const later = follow(keys)
    await later.says('Ann')
    await later.says('Anna')
    expect(later.names()).toEqual([[annLid, 'Anna']])
  })

  it('is news once when two messages come at the same time', async () => {
    const keys = memoryKeys()
    await follow(keys).says('Ann')
    const { says, names } = follow(keys)
    await Promise.all([says('Anna'), says('Anna')])
    expect(names()).toEqual([[annLid, 'Anna']])
  })

  it.each([
    ['the owner', me.pn, 'Me'],
    ['nobody', 'x', 'X'],
    ['somebody without a name', annLid, undefined],
    ['somebody with an empty name', annLid, ''],
  ])('is not asked of %s', async (_who, from, name) => {
    const keys = memoryKeys()
    const { says, told, errors } = follow(keys)
    await says(name, from)
    expect([told, errors, [...keys.rows]]).toEqual([[], [], []])
  })
})

describe('the state of the account', () => {
  it('changes of one patch are told together', async () => {
    const { emit, told, onUnknownAction } = follow()
    emit('contacts.upsert', contacts(2))
    emit('chats.update', [{ id: annPn, archived: true }])
    emit('chats.delete', [annPn])
    emit('labels.edit', { id: '1', name: 'Paid', color: 1, deleted: false })
    emit('labels.association', {
      type: 'add',
      association: { type: 'label_jid' as never, chatId: annPn, labelId: '1' },
    })
    onUnknownAction(['clearChat', annPn, '1', '0'])
    onUnknownAction(['nux', annPn])
    onUnknownAction([])
    await turn()
    expect(told.map((sightings) => sightings.map(({ type }) => type))).toEqual([
      [
        'contact.updated',
        'contact.updated',
        'chat.updated',
        'chat.deleted',
        'label.updated',
        'label.assigned',
        'chat.cleared',
      ],
    ])
  })

  it('as it is when the device is linked is no change; the history is one event for each part', async () => {
    const { emit, told, state, onUnknownAction } = follow()
    state.read = false
    emit('contacts.upsert', contacts(3))
    emit('chats.update', [{ id: annPn, archived: true }])
    emit('labels.edit', { id: '1', name: 'Paid', color: 1, deleted: false })
    onUnknownAction(['clearChat', annPn])
    const history = { chats: [], contacts: contacts(500), messages: [], syncType: INITIAL_BOOTSTRAP }
    emit('messaging-history.set', history)
    emit('messaging-history.set', { ...history, syncType: RECENT })
    await turn()
    expect(told.flat().map(({ type, data }) => [type, 'kind' in data && data.kind])).toEqual([
      ['history.synced', 'initial'],
      ['history.synced', 'recent'],
    ])
  })

  it('that is read anew is not told change by change, and how much it was is', async () => {
    const { emit, told, leftOut } = follow()
    emit('contacts.upsert', contacts(stateChangesMax))
    await turn()
    expect(told.flat()).toHaveLength(stateChangesMax)
    emit('contacts.upsert', contacts(stateChangesMax))
    emit('labels.edit', { id: '1', name: 'Paid', color: 1, deleted: false })
    await turn()
    expect(told.flat()).toHaveLength(stateChangesMax)
    expect(leftOut).toEqual([stateChangesMax + 1])
    emit('contacts.upsert', contacts(1))
    await turn()
    expect(told.flat()).toHaveLength(stateChangesMax + 1)
  })
})

it('an action that Baileys makes no event of comes by its log, and nothing else of the log does', () => {
  const actions: (readonly string[])[] = []
  const { log, lines } = keepLog()
  const logger = quietLogger(log, (index) => actions.push(index))
  logger.debug({ syncAction: { index: ['clearChat', annPn] }, id: annPn }, 'unprocessable update')
  logger.debug({ syncAction: { index: ['star', annPn] } }, 'another line')
  logger.debug({}, 'unprocessable update')
  logger.debug('a line without fields')
  expect(actions).toEqual([['clearChat', annPn], []])
  expect(lines).toEqual([])
})
