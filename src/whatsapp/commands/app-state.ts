/**
 * Changes to the account's state, which all devices share: lists of encrypted settings, each with a version, changed by
 * patches. Baileys' own `chatModify` does not look at the server's answer, so that a patch that came too late would count as
 * taken and spoil the list; it names no sender in groups; and it puts stars into another list than WhatsApp does
 * (whatsmeow, appstate/encode.go `BuildStar`).
 */
import {
  type BinaryNode,
  encodeSyncdPatch,
  ensureLTHashStateVersion,
  getBinaryNodeChild,
  newLTHashState,
  proto,
} from '@whiskeysockets/baileys'
import { parseJid, partyJid, type Party } from '../../domain/jid.ts'
import type { MessageName } from '../socket.ts'
import { ask, type CommandContext, NotDoneError, RefusedError, until } from './ask.ts'

const collection = 'regular_high'
const secondMs = 1_000

interface Patch {
  readonly index: readonly string[]
  readonly version: number
  readonly action: proto.ISyncActionValue
}

const questionOf = (patch: Uint8Array, version: number): BinaryNode => ({
  tag: 'iq',
  attrs: { to: '@s.whatsapp.net', type: 'set', xmlns: 'w:sync:app:state' },
  content: [
    {
      tag: 'sync',
      attrs: {},
      content: [
        {
          tag: 'collection',
          attrs: { name: collection, version: String(version), return_snapshot: 'false' },
          content: [{ tag: 'patch', attrs: {}, content: patch }],
        },
      ],
    },
  ],
})

/** Another device was faster: what it did is fetched before the next attempt. */
const conflict = 409

const checkTaken = (answer: BinaryNode): void => {
  const list = getBinaryNodeChild(getBinaryNodeChild(answer, 'sync'), 'collection')
  const error = getBinaryNodeChild(list, 'error')
  if (error === undefined && list?.attrs['type'] !== 'error') return
  const code = Number(error?.attrs['code'] ?? conflict)
  const text = error?.attrs['text'] ?? 'conflict'
  throw code === conflict
    ? new NotDoneError(`another device has changed the account's state meanwhile (${text})`)
    : new RefusedError(code, text)
}

/** Fetches what is new in the list, adds the patch, and keeps the new state when the server has taken it. */
const apply = async (context: CommandContext, { index, version, action }: Patch): Promise<void> => {
  const { sock, now } = context
  const { creds, keys } = sock.authState
  const { myAppStateKeyId: keyId } = creds
  if (keyId === undefined) {
    throw new NotDoneError("the phone has not given this device the key of the account's state yet")
  }
  await keys.transaction(
    async () => {
      await until(context, sock.resyncAppState([collection], false), "the account's state")
      const { [collection]: known } = await keys.get('app-state-sync-version', [collection])
      const before = known === undefined ? newLTHashState() : ensureLTHashStateVersion(known)
      const { patch, state } = await encodeSyncdPatch(
        {
          type: collection,
          index: [...index],
          syncAction: { ...action, timestamp: now() },
          apiVersion: version,
          operation: proto.SyncdMutation.SyncdOperation.SET,
        },
        keyId,
        before,
        async (id) => (await keys.get('app-state-sync-key', [id]))[id],
      )
      const bytes = proto.SyncdPatch.encode(proto.SyncdPatch.fromObject(patch)).finish()
      checkTaken(await ask(context, questionOf(bytes, before.version)))
      await keys.set({ 'app-state-sync-version': { [collection]: state } })
    },
    // The name of the lock that Baileys' own run under (chats.ts `appPatch`).
    creds.me?.id ?? '',
  )
}

/** How the list names a message: by chat, id, whether it is ours, and in a group by its sender. */
const indexOf = async (
  { groups }: CommandContext,
  type: string,
  { whatsappId, chat, sender, fromMe }: MessageName,
): Promise<readonly string[]> => {
  const jid = partyJid(chat)
  const isGroup = parseJid(jid)?.kind === 'group'
  const author = isGroup && !fromMe ? await addressIn(groups, jid, sender) : '0'
  return [type, jid, whatsappId, fromMe ? '1' : '0', author]
}

/** A person's address as the group names its members. */
export const addressIn = async (
  groups: CommandContext['groups'],
  group: string,
  person: Party,
): Promise<string> => {
  const { addressingMode } = await groups.metadata(group)
  return (String(addressingMode) === 'lid' ? person.lid : person.pn) ?? partyJid(person)
}

export const star = async (
  context: CommandContext,
  { message, starred }: { readonly message: MessageName; readonly starred: boolean },
): Promise<void> => {
  const index = await indexOf(context, 'star', message)
  await apply(context, { index, version: 2, action: { starAction: { starred } } })
}

export const deleteForMe = async (
  context: CommandContext,
  { message }: { readonly message: MessageName },
): Promise<void> => {
  const index = await indexOf(context, 'deleteMessageForMe', message)
  const messageTimestamp = Math.floor(message.at / secondMs)
  const action = { deleteMessageForMeAction: { deleteMedia: true, messageTimestamp } }
  await apply(context, { index, version: 3, action })
}
