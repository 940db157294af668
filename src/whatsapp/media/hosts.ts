import type { BinaryNode } from '@whiskeysockets/baileys'
import { MediaError, wordsOf } from './errors.ts'

/** The media hosts of an account, in the order in which to try them, and what admits an upload. */
export interface MediaHosts {
  readonly hosts: readonly string[]
  readonly auth: string
}

export interface HostBook {
  /** Asked for once, and kept for as long as WhatsApp says. Rejects with MediaError `unreachable`. */
  get(): Promise<MediaHosts>
  /** What to use after `stale` was refused: new ones, unless somebody has asked meanwhile. */
  renew(stale: MediaHosts): Promise<MediaHosts>
}

interface BookOptions {
  /** An iq. Resolves with undefined when no answer came in time (Baileys, socket.ts `query`). */
  readonly query: (iq: BinaryNode, timeoutMs: number) => Promise<BinaryNode | undefined>
  /** Monotonic ms. */
  readonly now: () => number
}

const queryTimeoutMs = 20_000
const secondMs = 1_000
/** When WhatsApp does not say for how long they hold. */
const ttlDefaultSeconds = 300

const childrenOf = (node: BinaryNode | undefined, tag: string): readonly BinaryNode[] =>
  Array.isArray(node?.content) ? node.content.filter((child) => child.tag === tag) : []

const secondsOf = (text: string | undefined): number => {
  const seconds = Number(text)
  return seconds > 0 ? seconds : ttlDefaultSeconds
}

/**
 * Our own, and not `sock.refreshMediaConn`: that one keeps a failed answer, and every later upload of the socket fails with it
 * (Baileys, messages-send.ts).
 */
export const createHostBook = ({ query, now }: BookOptions): HostBook => {
  let current: { readonly hosts: Promise<MediaHosts>; expiresAt: number } | undefined

  const ask = async (): Promise<{ readonly hosts: MediaHosts; readonly ttlMs: number }> => {
    const iq = {
      tag: 'iq',
      attrs: { type: 'set', xmlns: 'w:m', to: '@s.whatsapp.net' },
      content: [{ tag: 'media_conn', attrs: {} }],
    }
    let answer: BinaryNode | undefined
    try {
      answer = await query(iq, queryTimeoutMs)
    } catch (error) {
      throw new MediaError('unreachable', `WhatsApp named no media hosts: ${wordsOf(error)}`, {
        cause: error,
      })
    }
    const [node] = childrenOf(answer, 'media_conn')
    const hosts = childrenOf(node, 'host').flatMap(({ attrs }) => attrs['hostname'] ?? [])
    const auth = node?.attrs['auth']
    if (node === undefined || auth === undefined || hosts.length === 0) {
      throw new MediaError('unreachable', 'WhatsApp named no media hosts')
    }
    const ttl = Math.min(secondsOf(node.attrs['ttl']), secondsOf(node.attrs['auth_ttl'] ?? node.attrs['ttl']))
    return { hosts: { hosts, auth }, ttlMs: ttl * secondMs }
  }

  const refresh = (): Promise<MediaHosts> => {
    const work = async (): Promise<MediaHosts> => {
      try {
        const { hosts, ttlMs } = await ask()
        entry.expiresAt = now() + ttlMs
        return hosts
      } catch (error) {
        if (current === entry) current = undefined
        throw error
      }
    }
    const entry = { hosts: Promise.resolve().then(work), expiresAt: Number.POSITIVE_INFINITY }
    current = entry
    return entry.hosts
  }

  const get = (): Promise<MediaHosts> =>
    current !== undefined && now() < current.expiresAt ? current.hosts : refresh()

  return {
    get,
    async renew(stale) {
      const before = current
      const kept = await get()
      if (kept !== stale) return kept
      return current === before ? refresh() : get()
    },
  }
}
