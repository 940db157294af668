import { element, type Node, uint } from './node.ts'
import { serverJid } from './jid.ts'

/** Answer to a login that succeeded; `lid` carries the companion's device number. */
export const success = (lid: string, nowSeconds: number): Node =>
  element('success', { t: String(nowSeconds), lid, location: 'sandbox' })

/** Refuses a login: 401 not (or no longer) linked, 400 malformed. */
export const failure = (reason: number): Node =>
  element('failure', { reason: String(reason), location: 'sandbox' })

export const streamError = (code: number): Node => element('stream:error', { code: String(code) })

/** Someone else logged in as this companion. */
export const streamReplaced = (): Node =>
  element('stream:error', {}, [element('conflict', { type: 'replaced' })])

/** The companion was unlinked. Clients take it for a logout only with code 401. */
export const streamDeviceRemoved = (): Node =>
  element('stream:error', { code: '401' }, [element('conflict', { type: 'device_removed' })])

export const iqResult = (id: string, content?: Node[]): Node =>
  element('iq', { from: serverJid, type: 'result', id }, content)

export const iqError = (id: string, code: number, text: string): Node =>
  element('iq', { from: serverJid, type: 'error', id }, [element('error', { code: String(code), text })])

const iqSet = (id: string, xmlns: string, content: Node[]): Node =>
  element('iq', { from: serverJid, type: 'set', id, xmlns }, content)

export const pairDevice = (id: string, refs: readonly string[]): Node =>
  iqSet(id, 'md', [
    element(
      'pair-device',
      {},
      refs.map((ref) => element('ref', {}, Buffer.from(ref))),
    ),
  ])

export const pairSuccess = (
  id: string,
  companion: { jid: string; lid: string; platform: string },
  signedIdentity: Uint8Array,
): Node =>
  iqSet(id, 'md', [
    element('pair-success', {}, [
      element('device-identity', {}, signedIdentity),
      element('device', { jid: companion.jid, lid: companion.lid }),
      element('platform', { name: companion.platform }),
    ]),
  ])

export interface OfflineCounts {
  readonly message: number
  readonly receipt: number
  readonly notification: number
}

export const offlinePreview = (counts: OfflineCounts): Node =>
  element('ib', { from: serverJid }, [
    element('offline_preview', {
      count: String(counts.message + counts.receipt + counts.notification),
      message: String(counts.message),
      receipt: String(counts.receipt),
      notification: String(counts.notification),
      appdata: '0',
    }),
  ])

export const offlineDone = (count: number): Node =>
  element('ib', { from: serverJid }, [element('offline', { count: String(count) })])

export const notification = (
  attrs: { id: string; type: string; from: string; t: number } & Record<string, string | number>,
  content: Node[],
): Node =>
  element(
    'notification',
    Object.fromEntries(Object.entries(attrs).map(([name, value]) => [name, String(value)])),
    content,
  )

/** Tells a companion how few one-time pre-keys are left, so that it uploads more. */
export const preKeysLow = (id: string, left: number, nowSeconds: number): Node =>
  notification({ id, type: 'encrypt', from: serverJid, t: nowSeconds }, [
    element('count', { value: String(left) }),
  ])

/** The server took a message, a receipt or a call; `error` refuses it. */
export const ack = (
  of: Node,
  extra: { t: number; error?: number | undefined; phash?: string | undefined },
): Node =>
  element('ack', {
    class: of.tag,
    id: of.attrs['id'],
    from: of.attrs['to'],
    type: of.tag === 'receipt' ? of.attrs['type'] : undefined,
    participant: of.attrs['participant'],
    t: String(extra.t),
    error: extra.error === undefined ? undefined : String(extra.error),
    phash: extra.phash,
  })

export const retryReceipt = (
  message: {
    id: string
    t: string
    to: string
    recipient: string | undefined
    participant: string | undefined
    count: number
  },
  registrationId: number,
  keys: Node,
): Node =>
  element(
    'receipt',
    {
      id: message.id,
      type: 'retry',
      to: message.to,
      recipient: message.recipient,
      participant: message.participant,
    },
    [
      element('retry', { v: '1', count: String(message.count), id: message.id, t: message.t }),
      element('registration', {}, uint(registrationId, 4)),
      keys,
    ],
  )
