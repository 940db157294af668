import type { Context } from '../context.ts'
import { uploadMaxBytes } from '../media-host/host.ts'
import { parseJid } from '../protocol/jid.ts'
import {
  bundleMissing,
  bundleUser,
  curveKeyType,
  isSignedPreKeyValid,
  readKeyUpload,
  readSignedPreKey,
} from '../protocol/key-bundle.ts'
import { attr, child, children, element, type Node, uint } from '../protocol/node.ts'
import type { Companion } from '../state/account.ts'
import { answerAppState } from './app-state.ts'
import { takeBundle } from './bundles.ts'
import { answerGroups } from './group-iq.ts'
import type { IqAnswer } from './iq-answer.ts'
import { timelockOf } from './restriction.ts'
import { answerUsync } from './usync.ts'

type Handler = (context: Context, companion: Companion, iq: Node) => IqAnswer

const ok = (...content: Node[]): IqAnswer =>
  content.length === 0 ? { kind: 'result' } : { kind: 'result', content }
const badRequest: IqAnswer = { kind: 'error', code: 400, text: 'bad-request' }
const notFound: IqAnswer = { kind: 'error', code: 404, text: 'item-not-found' }
const notAcceptable: IqAnswer = { kind: 'error', code: 406, text: 'not-acceptable' }
const notImplemented = { kind: 'error', code: 501, text: 'feature-not-implemented' } as const

const bundleFor = (context: Context, jid: string): Node => {
  const device = context.directory.findDevice(jid)
  const bundle = device === undefined ? undefined : takeBundle(context, device)
  return bundle === undefined ? bundleMissing(jid) : bundleUser(jid, bundle, context.nowSeconds())
}

const getEncrypt: Handler = (context, companion, iq) => {
  const { keys } = companion
  const [query] = children(iq)
  switch (query?.tag) {
    case 'count':
      return ok(element('count', { value: String(keys.count) }))
    case 'digest':
      return ok(
        element('digest', {}, [
          element('registration', {}, uint(keys.registrationId, 4)),
          element('type', {}, Buffer.from([curveKeyType])),
          element('identity', {}, keys.identityKey),
          element('skey', {}, [element('id', {}, uint(keys.signedPreKey.keyId, 3))]),
        ]),
      )
    case 'key':
      return ok(
        element(
          'list',
          {},
          children(query, 'user').map((user) => bundleFor(context, attr(user, 'jid') ?? '')),
        ),
      )
    default:
      return notImplemented
  }
}

const setEncrypt: Handler = (_context, { keys }, iq) => {
  const rotate = child(iq, 'rotate')
  if (rotate !== undefined) {
    const signedPreKey = readSignedPreKey(child(rotate, 'skey'))
    if (signedPreKey === undefined) return badRequest
    if (!isSignedPreKeyValid(keys.identityKey, signedPreKey)) return notAcceptable
    keys.rotate(signedPreKey)
    return ok()
  }
  const upload = readKeyUpload(iq)
  if (upload === undefined) return badRequest
  if (!upload.identityKey.equals(keys.identityKey)) return notAcceptable
  if (!isSignedPreKeyValid(keys.identityKey, upload.signedPreKey)) return notAcceptable
  keys.upload(upload)
  return ok()
}

const unlink: Handler = (context, companion, iq) => {
  const removed = child(iq, 'remove-companion-device')
  if (removed === undefined) return notImplemented
  const device = context.directory.findDevice(attr(removed, 'jid'))
  if (device?.account !== companion.account || device.device !== companion.device) return notAcceptable
  return { kind: 'result', next: 'unlink' }
}

const privacyCategories = [
  ['last', 'all'],
  ['online', 'all'],
  ['profile', 'all'],
  ['status', 'contacts'],
  ['readreceipts', 'all'],
  ['groupadd', 'all'],
  ['calladd', 'all'],
  ['messages', 'all'],
] as const

const getPrivacy: Handler = () =>
  ok(
    element(
      'privacy',
      {},
      privacyCategories.map(([name, value]) => element('category', { name, value })),
    ),
  )

const privacyTokenBytes = 16

/** A companion gives a contact its token: the contact's companions get it by notification. */
const setPrivacy: Handler = (context, companion, iq) => {
  const tokens = children(child(iq, 'tokens'), 'token')
  for (const token of tokens) {
    context.counters.privacyTokensGiven++
    const contact = context.directory.find(attr(token, 'jid'))
    if (contact === undefined) continue
    const { number, lid } = companion.account
    for (const other of contact.companions.values()) {
      const attrs = { type: 'trusted_contact', t: attr(token, 't'), jid: attr(token, 'jid') }
      other.mailbox.put(
        element(
          'notification',
          {
            id: context.nextId(),
            type: 'privacy_token',
            from: `${number}@s.whatsapp.net`,
            sender_lid: `${lid}@lid`,
            t: String(context.nowSeconds()),
          },
          [
            element('tokens', {}, [
              element('token', attrs, context.entropy.bytes(`token ${number}`, privacyTokenBytes)),
            ]),
          ],
        ),
      )
    }
  }
  return ok()
}

const blockedMax = 1000

const blocklist = (companion: Companion): Node =>
  element(
    'list',
    {},
    [...companion.account.blocked].map((jid) => element('item', { jid })),
  )

const setBlocklist: Handler = (_context, companion, iq) => {
  const [item] = children(iq, 'item')
  const jid = item === undefined ? undefined : attr(item, 'jid')
  if (item === undefined || parseJid(jid) === undefined || jid === undefined) return badRequest
  if (attr(item, 'action') === 'block') {
    if (companion.account.blocked.size >= blockedMax) return notAcceptable
    companion.account.blocked.add(jid)
  } else companion.account.blocked.delete(jid)
  return ok(blocklist(companion))
}

/** Answers GraphQL queries about the account's standing. Others get no data. */
const getMex: Handler = (context, { account }) => {
  const data = {
    xwa2_fetch_account_reachout_timelock: timelockOf(context, account),
    xwa2_message_capping_info: { total_quota: -1, used_quota: 0, capping_status: 'NONE' },
  }
  return ok(element('result', {}, Buffer.from(JSON.stringify({ data }))))
}

const setPassive: Handler = (_context, _companion, iq) =>
  child(iq, 'active') === undefined ? ok() : { kind: 'result', next: 'go-active' }

const getUsync: Handler = (context, _companion, iq) => {
  const answer = answerUsync(iq, (jid) => context.directory.find(jid), context.nowSeconds())
  return answer === undefined ? badRequest : ok(answer)
}

const getProps: Handler = () =>
  ok(element('props', { protocol: '1', hash: 'sandbox', refresh: '86400', refresh_id: '1' }))

/** Where files go, and a pass to send them there with (Baileys, messages-send.ts `refreshMediaConn`). */
const getMediaHosts: Handler = ({ media }, _companion, iq) => {
  if (child(iq, 'media_conn') === undefined) return notImplemented
  const { auth, ttlSeconds } = media.newAuth()
  const ttl = String(ttlSeconds)
  const host = { hostname: media.hostname, maxContentLengthBytes: String(uploadMaxBytes) }
  return ok(
    element('media_conn', { auth, ttl, auth_ttl: ttl, max_buckets: '12', id: '1' }, [element('host', host)]),
  )
}

const handlers: Readonly<Record<string, Handler>> = {
  'get encrypt': getEncrypt,
  'set encrypt': setEncrypt,
  'set md': unlink,
  'set passive': setPassive,
  'get usync': getUsync,
  'get abt': getProps,
  'get blocklist': (_context, companion) => ok(blocklist(companion)),
  'set blocklist': setBlocklist,
  'get privacy': getPrivacy,
  'set privacy': setPrivacy,
  'set w:sync:app:state': answerAppState,
  'get w:sync:app:state': answerAppState,
  'get w:mex': getMex,
  'set w:m': getMediaHosts,
  'get w:p': () => ok(),
  'set urn:xmpp:whatsapp:dirty': () => ok(),
  'get w:g2': answerGroups,
  'set w:g2': answerGroups,
  'get w:profile:picture': () => notFound,
  'set status': () => ok(),
  'get disappearing_mode': () => ok(element('disappearing_mode', { duration: '0', t: '0' })),
  'set disappearing_mode': () => ok(),
}

/** Names of unknown iqs that are kept. */
const unknownNamesMax = 1000

/** Answers an iq of a logged-in companion; 501 when the sandbox does not know it, never silence. */
export const answerIq = (context: Context, companion: Companion, iq: Node): IqAnswer => {
  const xmlns = attr(iq, 'xmlns') ?? ''
  // w:stats comes without a type.
  const name = xmlns === 'w:stats' ? xmlns : `${attr(iq, 'type') ?? ''} ${xmlns}`
  if (name === 'w:stats') return ok()
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
  const answer = handler === undefined ? notImplemented : handler(context, companion, iq)
  if (answer.kind === 'error' && answer.code === notImplemented.code) {
    context.counters.unknownIqs++
    const unknown = `${name} ${children(iq)[0]?.tag ?? ''}`.trim()
    const before = context.unknownIqs.get(unknown) ?? 0
    if (before > 0 || context.unknownIqs.size < unknownNamesMax) context.unknownIqs.set(unknown, before + 1)
    context.log('debug', { xmlns, type: attr(iq, 'type'), child: children(iq)[0]?.tag }, 'unknown iq')
  }
  return answer
}
