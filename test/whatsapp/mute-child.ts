/** Makes libsignal print its sessions. With `muted` as its argument, after `muteConsole`; run by mute.test.ts. */
import type { Log } from '../../src/runtime/log.ts'
import { muteConsole } from '../../src/whatsapp/mute.ts'

const write = (fields: Readonly<Record<string, unknown>>, message: string): void => {
  process.stdout.write(`${JSON.stringify({ ...fields, message })}\n`)
}
const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log }
if (process.argv[2] === 'muted') muteConsole(log)

const { addTransactionCapability, Curve, DEFAULT_CONNECTION_CONFIG, generateSignalPubKey, initAuthCreds } =
  await import('@whiskeysockets/baileys')

const ignore = (): void => undefined
const silent = {
  level: 'silent',
  child: () => silent,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
}

const account = () => {
  const rows = new Map<string, never>()
  const creds = initAuthCreds()
  const keys = addTransactionCapability(
    {
      get: async (type, ids) => {
        const found: { [id: string]: never } = {}
        for (const id of ids) {
          const row = rows.get(type + id)
          if (row !== undefined) found[id] = row
        }
        return found
      },
      set: async (data) => {
        for (const [type, byId] of Object.entries(data)) {
          for (const [id, value] of Object.entries(byId)) rows.set(type + id, value as never)
        }
      },
    },
    silent,
    { maxCommitRetries: 1, delayBetweenTriesMs: 1 },
  )
  const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
    { creds, keys },
    silent,
    async () => undefined,
  )
  const bundle = async () => {
    const { keyPair, keyId, signature } = creds.signedPreKey
    const preKey = Curve.generateKeyPair()
    await keys.set({ 'pre-key': { 1: preKey } })
    return {
      registrationId: creds.registrationId,
      identityKey: generateSignalPubKey(creds.signedIdentityKey.public),
      signedPreKey: { keyId, publicKey: generateSignalPubKey(keyPair.public), signature },
      preKey: { keyId: 1, publicKey: generateSignalPubKey(preKey.public) },
    }
  }
  return { repository, bundle }
}

const alice = '4915111111111@s.whatsapp.net'
const bob = '4915222222222@s.whatsapp.net'
const [a, b] = [account(), account()]
await a.repository.injectE2ESession({ jid: bob, session: await b.bundle() })
const first = await a.repository.encryptMessage({ jid: bob, data: Buffer.from('x') })
await b.repository.decryptMessage({ jid: alice, ...first })
// A second session closes the first one, which libsignal prints whole; then a message that fits none.
await a.repository.injectE2ESession({ jid: bob, session: await b.bundle() })
const answer = await b.repository.encryptMessage({ jid: alice, data: Buffer.from('y') })
answer.ciphertext[answer.ciphertext.length - 3] = 0
await a.repository.decryptMessage({ jid: bob, ...answer }).catch(() => undefined)
process.stdout.write('done\n')
process.exit(0)
