import { addTransactionCapability, type SignalDataSet, type SignalKeyStore } from '@whiskeysockets/baileys'
import { expect, test } from 'vitest'
import { acceptLateWrites } from '../../src/whatsapp/late-writes.ts'
import { quietLogger } from '../../src/whatsapp/quiet-logger.ts'
import type { Log } from '../../src/runtime/log.ts'

const ignore = (): void => undefined
const silent: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore, child: () => silent }

const newKeys = () => {
  const writes: SignalDataSet[] = []
  const rows = new Map<string, unknown>()
  const store: SignalKeyStore = {
    get: async (type, ids) =>
      Object.fromEntries(
        ids.flatMap((id) => (rows.has(`${type}/${id}`) ? [[id, rows.get(`${type}/${id}`)]] : [])),
      ) as never,
    set: async (data) => {
      writes.push(data)
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values ?? {})) rows.set(`${type}/${id}`, value)
      }
    },
  }
  const keys = addTransactionCapability(
    store,
    quietLogger(silent, () => undefined),
    {
      maxCommitRetries: 1,
      delayBetweenTriesMs: 1,
    },
  )
  acceptLateWrites(keys)
  return { keys, writes }
}

const token = (senderTimestamp: number) => ({ token: Buffer.alloc(0), senderTimestamp })

test('a write that a transaction began and that comes after its end is stored, and read again there', async () => {
  const { keys, writes } = newKeys()
  const ended = Promise.withResolvers<void>()
  let late: Promise<unknown> = Promise.resolve()
  await keys.transaction(async () => {
    await keys.get('tctoken', ['a'])
    late = ended.promise.then(async () => {
      await keys.set({ tctoken: { a: token(1) } })
      await keys.transaction(async () => keys.set({ tctoken: { b: token(2) } }), 'x')
      return keys.get('tctoken', ['a', 'b'])
    })
  }, 'me')
  expect(writes).toEqual([])
  ended.resolve()
  expect(await late).toEqual({ a: token(1), b: token(2) })
  expect(writes).toEqual([{ tctoken: { a: token(1) } }, { tctoken: { b: token(2) } }])
})

test('within a transaction nothing is stored before its end, and nested ones are part of it', async () => {
  const { keys, writes } = newKeys()
  await keys.transaction(async () => {
    await keys.set({ tctoken: { a: token(1) } })
    await keys.transaction(async () => keys.set({ tctoken: { b: token(2) } }), 'y')
    expect(await keys.get('tctoken', ['a'])).toEqual({ a: token(1) })
    expect(writes).toEqual([])
  }, 'me')
  expect(writes).toEqual([{ tctoken: { a: token(1), b: token(2) } }])
})

test('a transaction that fails stores nothing, and its failure is the caller’s', async () => {
  const { keys, writes } = newKeys()
  const failure = new Error('no')
  const failed = keys.transaction(async () => {
    await keys.set({ tctoken: { a: token(1) } })
    throw failure
  }, 'me')
  await expect(failed).rejects.toBe(failure)
  expect(writes).toEqual([])
})
