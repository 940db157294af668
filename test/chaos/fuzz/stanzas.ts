/** What a server that is broken, or means harm, can put where a stanza is expected. */
import { deflateSync } from 'node:zlib'
import { type BinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys'
import * as fc from 'fast-check'

const people = ['15550001111@s.whatsapp.net', '491510000@lid', '120363000000000001@g.us', 'status@broadcast']
const oddJids = [
  '',
  '@',
  's.whatsapp.net',
  '@g.us',
  '1:2:3@s.whatsapp.net',
  '٣@lid',
  '\0@lid',
  'x'.repeat(2_000),
]
const jid = fc.constantFrom(...people, ...people, ...oddJids)
const odd = fc.oneof(
  fc.constantFrom('', '0', '-1', '1e999', 'NaN', '[object Object]', '__proto__', 'x'.repeat(5_000)),
  fc.string({ maxLength: 40 }),
)

/** Without those that tell the device in so many words that its link is gone: it has to believe them. */
const tags = fc.constantFrom(
  'message',
  'message',
  'message',
  'receipt',
  'receipt',
  'notification',
  'notification',
  'ack',
  'iq',
  'ib',
  'call',
  'presence',
  'chatstate',
  'success',
  'stream:features',
  'error',
  'handshake',
  '0',
  'x'.repeat(300),
)
const types = fc.oneof(
  fc.constantFrom(
    'text',
    'media',
    'poll',
    'reaction',
    'event',
    'medianotify',
    'pkmsg',
    'msg',
    'skmsg',
    'retry',
    'read',
    'sender',
    'inactive',
    'played',
    'read-self',
    'hist_sync',
    'server-error',
    'enc_rekey_retry',
    'peer_msg',
    'encrypt',
    'devices',
    'account_sync',
    'server_sync',
    'mediaretry',
    'picture',
    'w:gp2',
    'newsletter',
    'mex',
    'privacy_token',
    'business',
    'status',
    'psa',
    'contacts',
    'disappearing_mode',
    'set',
    'get',
    'link_code_companion_reg',
    'companion_reg_refresh',
    'registration',
    'result',
    'error',
    'offer',
    'groups',
  ),
  odd,
)
const attrs = fc
  .record(
    {
      id: fc.oneof(fc.constantFrom('A1', '3EB0FUZZ'), odd),
      from: jid,
      to: jid,
      participant: jid,
      recipient: jid,
      type: types,
      t: fc.oneof(fc.constantFrom('1700000000', '99999999999999999999'), odd),
      class: fc.constantFrom('message', 'receipt', 'notification', 'x'),
      xmlns: fc.constantFrom('urn:xmpp:ping', 'md', 'w:p', 'encrypt', 'usync'),
      offline: odd,
      count: odd,
      error: odd,
      v: odd,
      name: fc.constantFrom('critical_block', 'regular', 'x'),
      addressing_mode: fc.constantFrom('lid', 'pn', 'x'),
      sender_pn: jid,
      sender_lid: jid,
      participant_pn: jid,
      edit: odd,
      category: fc.constantFrom('peer', 'x'),
      phash: odd,
    },
    { requiredKeys: [] },
  )
  .map((given) => given as Record<string, string>)

const childTags = fc.constantFrom(
  'enc',
  'enc',
  'enc',
  'device-identity',
  'list',
  'item',
  'participants',
  'to',
  'retry',
  'registration',
  'keys',
  'key',
  'skey',
  'value',
  'signature',
  'identity',
  'offline',
  'offline_preview',
  'dirty',
  'count',
  'edge_routing',
  'routing_info',
  'unavailable',
  'meta',
  'reporting',
  'add',
  'remove',
  'update',
  'delete',
  'collection',
  'patches',
  'snapshot',
  'sync',
  'create',
  'group',
  'participant',
  'subject',
  'promote',
  'link_code_companion_reg',
  'set',
  'picture',
  'devices',
  'device',
  'error',
  'privacy',
  'tokens',
  'token',
  'offer',
  'terminate',
  'verified_name',
  'plaintext',
  'rmr',
  'encrypt',
  'client_expiration',
  'x',
)
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(
    new Uint8Array(0),
    new Uint8Array(20_000),
    Uint8Array.of(0x33),
    Uint8Array.of(0x33, 8, 0xff),
  ),
)

const nodes = fc.letrec<{ node: BinaryNode; child: BinaryNode }>((tie) => {
  const content = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(undefined),
    odd,
    bytes,
    fc.array(tie('child'), { maxLength: 4 }),
  )
  const of = (tag: fc.Arbitrary<string>): fc.Arbitrary<BinaryNode> =>
    fc.record({ tag, attrs, content }).map((given) => given as BinaryNode)
  return { node: of(tags), child: of(childTags) }
}).node

const encoded = nodes.map((node) => encodeBinaryNode(node))
const compressed = (stanza: Uint8Array): Buffer => Buffer.concat([Buffer.from([2]), deflateSync(stanza)])

/** Lists in lists, each with room for one more: `depth` of them. */
const nested = (depth: number): Buffer =>
  Buffer.concat([Buffer.from([0]), ...Array.from({ length: depth }, () => Buffer.from([248, 2, 19, 248, 1]))])
/** One node with as many children, of three bytes each, as a list can have. */
const crowded = Buffer.concat([
  Buffer.from([0, 248, 2, 19, 249, 255, 255]),
  ...Array.from({ length: 65_535 }, () => Buffer.from([248, 1, 3])),
])
const bombBytes = 256 * 1024 * 1024

/** Made once: each costs some seconds. */
const heavy = (): readonly Buffer[] => [
  compressed(Buffer.alloc(bombBytes)),
  compressed(crowded.subarray(1)),
  nested(50_000),
  crowded,
  Buffer.concat([Buffer.from([0, 248, 2, 19, 252, 0xff, 0xff, 0xff, 0xff])]),
]

const broken = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((given) => Buffer.from(given)),
  fc.tuple(encoded, fc.nat()).map(([stanza, at]) => stanza.subarray(0, at % (stanza.length + 1))),
  fc.tuple(encoded, fc.nat(), fc.nat(255)).map(([stanza, at, byte]) => {
    const changed = Buffer.from(stanza)
    changed[at % changed.length] = byte
    return changed
  }),
  encoded.map((stanza) => compressed(stanza.subarray(1))),
  fc.uint8Array({ maxLength: 100 }).map((given) => Buffer.concat([Buffer.from([2]), given])),
)

/** `count` plaintexts of frames, decided by the seed; `heavyCount` of them are made to use up memory. */
export const hostileStanzas = (seed: number, count: number, heavyCount: number): readonly Buffer[] => {
  const light = fc.sample(fc.oneof({ arbitrary: encoded, weight: 4 }, { arbitrary: broken, weight: 1 }), {
    numRuns: count,
    seed,
  })
  const bombs = heavy()
  return [
    ...light,
    ...Array.from({ length: heavyCount }, (_, at) => bombs[at % bombs.length] ?? Buffer.alloc(0)),
  ]
}
