import { proto } from '@whiskeysockets/baileys'
import type { Context } from '../context.ts'
import type { AppStatePatch } from '../phone/app-state.ts'
import { serverJid } from '../protocol/jid.ts'
import { attr, bytesOf, child, children, element, type Node } from '../protocol/node.ts'
import type { Companion, Device } from '../state/account.ts'
import type { IqAnswer } from './iq-answer.ts'

/** Patches that are kept of one collection; older clients than that would need a snapshot, which the sandbox has not. */
const patchesMax = 10_000
/** WhatsApp has five. */
const collectionsMax = 20

/** A patch as others get it: the server, not the sender, says which version it is. */
const withVersion = (bytes: Uint8Array, version: number): Uint8Array => {
  const patch = proto.SyncdPatch.decode(bytes)
  patch.version = { version }
  return proto.SyncdPatch.encode(patch).finish()
}

const announce = (
  context: Context,
  { account, device }: Device,
  { name, version }: { readonly name: string; readonly version: number },
): void => {
  for (const companion of account.companions.values()) {
    if (companion.device === device) continue
    companion.mailbox.put(
      element(
        'notification',
        { id: context.nextId(), type: 'server_sync', from: serverJid, t: String(context.nowSeconds()) },
        [element('collection', { name, version: String(version) })],
      ),
    )
  }
}

/** Takes a patch of a device, and tells the other companions; undefined when it is not made on top of the newest. */
export const storePatch = (
  context: Context,
  from: Device,
  { name, version, bytes }: AppStatePatch,
): AppStatePatch | undefined => {
  const { appState } = from.account
  const patches = appState.get(name) ?? []
  const isFull = patches.length >= patchesMax || appState.size >= collectionsMax
  if (version !== patches.length + 1 || isFull) return undefined
  const stored = { name, version, bytes: withVersion(bytes, version) }
  patches.push(stored.bytes)
  appState.set(name, patches)
  announce(context, from, stored)
  return stored
}

const answerCollection = (context: Context, companion: Companion, asked: Node): Node => {
  const name = attr(asked, 'name') ?? ''
  const known = Number(attr(asked, 'version') ?? 0)
  const patches = companion.account.appState.get(name) ?? []
  const patch = bytesOf(child(asked, 'patch'))
  if (patch !== undefined) {
    const stored = storePatch(context, companion, { name, version: known + 1, bytes: patch })
    if (stored === undefined) {
      return element('collection', { name, type: 'error' }, [
        element('error', { code: '409', text: 'conflict' }),
      ])
    }
    context.phone(companion.account).takeAppState(stored)
    return element('collection', { name, version: String(patches.length) })
  }
  const missing = patches.slice(known).map((each) => element('patch', {}, each))
  return element(
    'collection',
    { name, version: String(patches.length) },
    missing.length === 0 ? undefined : [element('patches', {}, missing)],
  )
}

/** App state sync: keeps the patches that companions make, and gives each what it does not have. */
export const answerAppState = (context: Context, companion: Companion, iq: Node): IqAnswer => {
  const collections = children(child(iq, 'sync'), 'collection')
  return {
    kind: 'result',
    content: [
      element(
        'sync',
        {},
        collections.map((asked) => answerCollection(context, companion, asked)),
      ),
    ],
  }
}
