import { afterAll, expect, test, vi } from 'vitest'
import {
  acquaint,
  aliceJid,
  bobJid,
  closeStores,
  memoryStore,
  ours,
  outcome,
  read,
  write,
} from './parties.ts'

interface Memory {
  readonly buffer: { readonly byteLength: number }
}

/** The engine keeps its memory to itself: it is caught when the engine is made, before anything is imported. */
const memories = vi.hoisted(() => {
  const caught: { readonly buffer: { readonly byteLength: number } }[] = []
  const { WebAssembly: api } = globalThis as unknown as {
    WebAssembly: { Instance: new (module: object, imports: object) => { exports: { memory?: Memory } } }
  }
  const { Instance } = api
  api.Instance = class extends Instance {
    constructor(module: object, imports: object) {
      super(module, imports)
      if (this.exports.memory !== undefined) caught.push(this.exports.memory)
    }
  }
  return caught
})

afterAll(closeStores)

const bytes = (): number => Math.max(...memories.map(({ buffer }) => buffer.byteLength))

test('2,000 messages, written and refused, leave nothing behind in the memory of the engine', async () => {
  const store = await memoryStore()
  const a = await ours(aliceJid, store, 'phone-1')
  const b = await ours(bobJid, store, 'phone-2')
  await acquaint(a, b)
  const group = { group: '120363000000000001@g.us', meId: aliceJid }
  const talk = async (rounds: number): Promise<void> => {
    const data = Buffer.alloc(2_000, 7)
    for (let at = 0; at < rounds; at += 1) {
      await write(a, b, data.toString())
      await outcome(read(b, a, { type: 'msg', ciphertext: data }))
      await outcome(read(b, a, { type: 'pkmsg', ciphertext: data }))
      if (at % 4 === 0) await a.repository.encryptGroupMessage({ ...group, data })
    }
  }
  await talk(100)
  const early = bytes()
  expect(early).toBeGreaterThan(0)
  await talk(2_000)
  // 20,000 encrypts that were not freed took 50 MB when it was measured; freed ones take nothing.
  expect(bytes() - early).toBeLessThanOrEqual(256 * 1024)
})
