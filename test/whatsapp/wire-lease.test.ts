import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf, until } from '../sandbox/client.ts'
import { loopbackCertificate } from './loopback-certificate.ts'
import { closeStores } from './signal/parties.ts'
import { openTap, type Tap, type TappedConnection } from './tap.ts'
import { link, untilQuiet, waitingFor, type WireClient } from './wire-client.ts'

const friend = '15555900'
let sandbox: Sandbox
const control = () => controlOf(sandbox)
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await control().phone(friend)
})
afterAll(async () => {
  await sandbox.close()
  await closeStores()
})

describe.each([
  ['ws', '15555000', false],
  ['wss', '15555001', true],
])('a socket over %s whose lease is not held', (_, own, secure) => {
  let tap: Tap
  let client: WireClient
  beforeAll(async () => {
    tap = await openTap(sandbox.url, { secure })
    client = await link(sandbox, own, { url: tap.url, ...(secure ? { mediaCa: loopbackCertificate } : {}) })
    await client.text(friend, 'a first message')
    await control().send(friend, own, 'its answer')
    await until('the answer', async () => (await client.inbox()).length === 1)
  })
  afterAll(() => {
    client.drop()
    tap.close()
  })
  afterEach(async () => {
    client.hooks.mayWrite = () => true
    await client.login()
    await untilQuiet(sandbox, own)
  })

  /** All that was on its way is there: from here on the lease is gone. */
  const loseLease = async (): Promise<{ readonly bytes: number; readonly connection: TappedConnection }> => {
    await untilQuiet(sandbox, own)
    await client.socket.probe(5_000)
    client.hooks.mayWrite = () => false
    const connection = tap.connections.at(-1)
    if (connection === undefined) throw new Error('there is no connection')
    return { bytes: tap.bytes, connection }
  }
  const untilReset = (connection: TappedConnection): Promise<boolean> =>
    until('the reset', () => connection.end === 'reset')

  test('confirms nothing that comes in, cuts the connection with a reset, and the message comes again', async () => {
    const { bytes, connection } = await loseLease()
    await control().send(friend, own, 'while it was a zombie')
    await untilReset(connection)
    expect(tap.bytes).toBe(bytes)
    expect(client.events.filter((event) => event === 'lease lost')).toHaveLength(1)
    expect(client.closes.filter(({ origin }) => origin === 'transport')).toEqual([])
    expect(await waitingFor(sandbox, own)).toBe(1)
    client.hooks.mayWrite = () => true
    await client.login()
    await untilQuiet(sandbox, own)
    const texts = (await client.inbox()).map(({ text }) => text)
    expect(texts.filter((text) => text === 'while it was a zombie')).toHaveLength(1)
    expect(client.events).not.toContain('undecryptable')
  })

  test('sends no message', async () => {
    const { bytes, connection } = await loseLease()
    const { outcome } = await client.text(friend, 'never')
    await untilReset(connection)
    expect(tap.bytes).toBe(bytes)
    expect(['unknown', 'not_sent']).toContain(outcome.kind)
    expect(client.events).toContain('lease lost')
  })

  test('sends no ping', async () => {
    const { bytes, connection } = await loseLease()
    await expect(client.socket.probe(5_000)).rejects.toThrow()
    await untilReset(connection)
    expect(tap.bytes).toBe(bytes)
  })

  test('answers no ping and no close of the WebSocket', async () => {
    const { bytes, connection } = await loseLease()
    await control().post('/faults', { kind: 'stream-error', device: own, code: 503 })
    await until('the end', () => connection.end !== 'open')
    expect(tap.bytes).toBe(bytes)
  })

  test('is dropped without a good-bye and with a reset; one that is held, without a reset', async () => {
    const { bytes, connection } = await loseLease()
    client.drop()
    await untilReset(connection)
    expect(tap.bytes).toBe(bytes)
    expect(client.events).not.toContain('lease lost')
    client.hooks.mayWrite = () => true
    await client.login()
    const next = tap.connections.at(-1)
    client.drop()
    await until('the close', () => next?.end !== 'open')
    expect(next?.end).toBe('closed')
  })

  test('connects, if it was just about to, and says nothing', async () => {
    client.drop()
    await until('the end', () => tap.connections.every(({ end }) => end !== 'open'))
    const { bytes } = tap
    client.hooks.mayWrite = () => false
    client.events.length = 0
    await client.open()
    await until('the refusal', () => client.events.includes('lease lost'))
    expect(tap.bytes).toBe(bytes)
  })
})
