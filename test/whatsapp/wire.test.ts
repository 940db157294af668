import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StoreError } from '../../src/store/store.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { splitRecord } from '../../src/whatsapp/signal/record.ts'
import { closeStores } from './signal/parties.ts'
import { deviceOfWire, link, untilQuiet, waitingFor, type WireClient } from './wire-client.ts'

let sandbox: Sandbox
const clients: WireClient[] = []
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
})
afterAll(async () => {
  for (const client of clients) client.drop()
  await sandbox.close()
  await closeStores()
})

const newClient = async (number: string): Promise<WireClient> => {
  const client = await link(sandbox, number)
  clients.push(client)
  return client
}
const control = () => controlOf(sandbox)
/** How many sockets there are beside this client's. */
const liveOthers = (client: WireClient): number => clients.length - (clients.includes(client) ? 1 : 0)
const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at)
const textsOf = async (client: WireClient): Promise<string[]> =>
  (await client.inbox()).map(({ text }) => text ?? '')
const seenBy = async (number: string): Promise<string[]> =>
  (await control().messages(number)).filter(({ status }) => status === 'received').map(({ text }) => text)

describe('a linked device', () => {
  test('logs in, and 50 messages go each way, all in flight at once', async () => {
    const client = await newClient('15553000')
    await control().phone('15553900')
    await control().send('15553900', '15553000', 'hello')
    await until('the first message', async () => (await textsOf(client)).includes('hello'))
    const [sent] = await Promise.all([
      Promise.all(range(50).map((at) => client.text('15553900', `out ${at}`))),
      Promise.all(range(50).map((at) => control().send('15553900', '15553000', `in ${at}`))),
    ])
    expect(sent.map(({ outcome }) => outcome.kind)).toEqual(range(50).map(() => 'acked'))
    await until('50 messages', async () => (await textsOf(client)).length === 51)
    expect((await textsOf(client)).toSorted()).toEqual(
      ['hello', ...range(50).map((at) => `in ${at}`)].toSorted(),
    )
    expect((await seenBy('15553900')).toSorted()).toEqual(
      range(50)
        .map((at) => `out ${at}`)
        .toSorted(),
    )
    await until(
      'all delivery receipts',
      () => new Set(client.receipts.flatMap((r) => r.whatsappIds)).size === 50,
    )
  })
})

describe('crossing first messages', () => {
  test.each(['lid', 'pn'])(
    '100 to five strangers while each writes ten, by %s: everything is read at once, on both sides',
    async (addressing) => {
      const own = addressing === 'lid' ? '15553001' : '15553002'
      const client = await newClient(own)
      // Frames take their time, so that neither side has the other's first message before it writes its own.
      await control().post('/faults', { kind: 'delay', device: own, ms: 50 })
      const strangers = range(5).map((at) => `${own}1${at}`)
      for (const number of strangers) await control().phone(number)
      const before = await control().stats()
      const sends = strangers.flatMap((number) => range(20).map((at) => client.text(number, `out ${at}`)))
      const writes = strangers.flatMap((number) =>
        range(10).map((at) => control().send(number, own, `${number} in ${at}`, { addressing })),
      )
      const outcomes = await Promise.all(sends)
      await Promise.all(writes)
      await untilQuiet(sandbox, own)
      await control().call('DELETE', '/faults')

      expect(outcomes.filter(({ outcome }) => outcome.kind !== 'acked')).toEqual([])
      for (const number of strangers) {
        expect(await seenBy(number)).toHaveLength(20)
        expect((await textsOf(client)).filter((text) => text.startsWith(number))).toHaveLength(10)
      }
      expect(client.events).not.toContain('undecryptable')
      const stats = await control().stats()
      for (const count of ['undecryptable', 'retryReceiptsFromPhones', 'retryReceiptsFromCompanions']) {
        expect([count, stats[count]]).toEqual([count, before[count]])
      }
      // They did cross: with each of the five there are two sessions, one that either side began.
      const rows = await client.store.auth.keys(deviceOfWire, 'session', [...client.sessionIds])
      const crossed = [...rows.values()].filter((record) => splitRecord(record as Uint8Array).length > 1)
      expect(crossed.length).toBeGreaterThanOrEqual(5)
    },
  )
})

describe('what was decrypted is not lost', () => {
  test('when the socket dies between the commit and the receipt: the redelivery is answered from the journal', async () => {
    const client = await newClient('15553003')
    await control().phone('15553930')
    await control().send('15553930', '15553003', 'first')
    await until('the first message', async () => (await textsOf(client)).includes('first'))
    await untilQuiet(sandbox, '15553003')
    const before = await control().stats()

    let ratchets = 0
    client.hooks.commit = async (write, _, journal) => {
      await write()
      if (journal === null) return
      ratchets += 1
      client.drop()
    }
    await control().send('15553930', '15553003', 'in the gap')
    await until('the commit', () => ratchets === 1)
    await until(
      'the server to notice',
      async () => (await control().stats())['liveSockets'] === liveOthers(client),
    )
    expect(await waitingFor(sandbox, '15553003')).toBe(1)

    client.hooks.commit = async (write, changes, journal) => {
      if (journal !== null) ratchets += 1
      await write()
      expect(Object.keys(changes)).not.toContain('session')
    }
    await client.login()
    await untilQuiet(sandbox, '15553003')
    expect(ratchets).toBe(1)
    expect(client.events).not.toContain('undecryptable')
    expect((await textsOf(client)).filter((text) => text === 'in the gap')).toHaveLength(1)
    const after = await control().stats()
    expect((after['redelivered'] ?? 0) - (before['redelivered'] ?? 0)).toBe(1)
    expect(after['retryReceiptsFromCompanions']).toBe(before['retryReceiptsFromCompanions'])
    expect(after['nacksFromCompanions']).toBe(before['nacksFromCompanions'])

    client.hooks.commit = (write) => write()
    await control().send('15553930', '15553003', 'after it')
    await until('the next message', async () => (await textsOf(client)).includes('after it'))
  })

  test('when its session is gone: a pending message stands in until the sender has written it again', async () => {
    const client = await newClient('15553004')
    await control().phone('15553940')
    await control().send('15553940', '15553004', 'first')
    await until('the first message', async () => (await textsOf(client)).includes('first'))
    await client.text('15553940', 'answer')
    const gone = Object.fromEntries([...client.sessionIds].map((id) => [id, null]))
    await client.store.auth.commit(client.lease, deviceOfWire, { session: gone }, null, Date.now())

    // The answer to the retry is held back, so that the pending message is seen.
    await control().post('/faults', { kind: 'delay', device: '15553004', ms: 300 })
    const id = await control().send('15553940', '15553004', 'unreadable at first')
    const pending = await until('the pending message', async () =>
      (await client.inbox()).find(({ whatsappId }) => whatsappId === id),
    )
    expect(pending).toMatchObject({
      type: 'undecryptable',
      status: 'delivered',
      deliveredAt: null,
      error: { code: 'awaiting_retry', detail: 'No session record' },
    })
    await control().call('DELETE', '/faults')
    await until('its content', async () => (await textsOf(client)).includes('unreadable at first'))
    const messages = (await client.inbox()).filter(({ whatsappId }) => whatsappId === id)
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatchObject({ id: pending.id, type: 'text', status: 'delivered', error: null })
  })
})

describe('nothing leaves before it is written', () => {
  test('a message whose ratchet cannot be committed is not sent, and the socket is cut', async () => {
    const client = await newClient('15553005')
    await control().phone('15553950')
    expect((await client.text('15553950', 'before')).outcome.kind).toBe('acked')
    const before = await control().stats()
    client.hooks.commit = async () => {
      throw new StoreError('full', 'the disk is full')
    }
    const { outcome } = await client.text('15553950', 'never')
    expect(outcome.kind).not.toBe('acked')
    expect(client.events).toContain('store failed')
    await until(
      'the socket to go',
      async () => (await control().stats())['liveSockets'] === liveOthers(client),
    )
    expect((await control().stats())['messagesFromCompanions']).toBe(before['messagesFromCompanions'])
    expect(await seenBy('15553950')).toEqual(['before'])

    client.hooks.commit = (write) => write()
    await client.login()
    expect((await client.text('15553950', 'after')).outcome.kind).toBe('acked')
    await until('the message', async () => (await seenBy('15553950')).includes('after'))
    expect((await control().stats())['undecryptable']).toBe(before['undecryptable'])
  })

  test('an inbound message whose ratchet cannot be committed is not confirmed, and comes again', async () => {
    const client = await newClient('15553006')
    await control().phone('15553960')
    client.hooks.commit = async (write, _, journal) => {
      if (journal !== null) throw new StoreError('full', 'the disk is full')
      await write()
    }
    await control().send('15553960', '15553006', 'not lost')
    await until('the failure', () => client.events.includes('store failed'))
    await until(
      'the socket to go',
      async () => (await control().stats())['liveSockets'] === liveOthers(client),
    )
    expect(await waitingFor(sandbox, '15553006')).toBe(1)
    expect(client.events).not.toContain('undecryptable')
    client.hooks.commit = (write) => write()
    await client.login()
    await until('the message', async () => (await textsOf(client)).includes('not lost'))
  })

  test('a receipt is not confirmed to the server before it is written', async () => {
    const client = await newClient('15553007')
    await control().phone('15553970')
    const { promise: written, resolve: write } = Promise.withResolvers<undefined>()
    let asked = 0
    client.hooks.receipt = async () => {
      asked += 1
      await written
    }
    await client.text('15553970', 'hello')
    await until('the receipt', () => asked > 0)
    // What the server was told meanwhile, it has by the time it has answered us.
    await client.socket.probe(5_000)
    expect(await waitingFor(sandbox, '15553007')).toBe(asked)
    write(undefined)
    await untilQuiet(sandbox, '15553007')
    expect(client.receipts.map(({ status }) => status)).toContain('delivered')
  })

  test('a receipt that cannot be written cuts the socket and comes again', async () => {
    const client = await newClient('15553008')
    await control().phone('15553980')
    client.hooks.receipt = async () => {
      throw new StoreError('full', 'the disk is full')
    }
    const { id } = await client.text('15553980', 'hello')
    await until('the close', () => client.closes.some(({ message }) => message === 'the disk is full'))
    expect(await waitingFor(sandbox, '15553008')).toBeGreaterThan(0)
    client.hooks.receipt = async () => undefined
    await client.login()
    await until('the receipt', () => client.receipts.some(({ whatsappIds }) => whatsappIds.includes(id)))
  })
})
