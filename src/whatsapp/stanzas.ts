import { type BinaryNode, decodeMessageNode } from '@whiskeysockets/baileys'
import { type Me, stanzaKeyOf, type StanzaRecord } from './inbound.ts'
import type { StanzaPart } from './signal/repository.ts'

/** What the signal repository decrypts. Baileys refuses a stanza whose first `enc` is a `msmsg` without reading it. */
const decryptedTypes: ReadonlySet<string | undefined> = new Set(['msg', 'pkmsg', 'skmsg'])
const refusedType = 'msmsg'

/** Will Baileys come to decrypt it? It refuses some stanzas for their attributes alone. */
const isTaken = (node: BinaryNode, me: Me): boolean => {
  try {
    decodeMessageNode(node, me.pn, me.lid ?? '')
    return true
  } catch {
    return false
  }
}

/** The ciphertexts of a stanza that the signal repository will see, in order. */
const ciphertextsOf = (node: BinaryNode, me: Me): readonly Uint8Array[] => {
  const encs = Array.isArray(node.content) ? node.content.filter(({ tag }) => tag === 'enc') : []
  if (encs.length === 0 || encs[0]?.attrs['type'] === refusedType || !isTaken(node, me)) return []
  return encs.flatMap(({ attrs, content }) =>
    decryptedTypes.has(attrs['type']) && content instanceof Uint8Array ? [content] : [],
  )
}

/**
 * Does it answer something that we sent? Only that shows that the link carries both ways: what the server sends of its
 * own accord goes on coming while all of ours is lost.
 */
export const isAnswer = ({ tag, attrs }: BinaryNode): boolean =>
  tag === 'ack' || (tag === 'iq' && (attrs['type'] === 'result' || attrs['type'] === 'error'))

/**
 * Knows the stanza that each ciphertext came in. Baileys hands the very Buffer of the stanza to `decryptMessage`, so a
 * WeakMap is enough. Counts what was seen and not yet worked off, to notice a session that has gone deaf.
 */
export class StanzaTracker {
  private readonly parts = new WeakMap<Uint8Array, StanzaPart>()
  private readonly open = new Map<string, { since: number; left: number }>()
  /** Keys of those that had waited for us at the server. */
  private readonly backlog = new Set<string>()
  private backlogAt = 0
  private caught: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined

  /** Call it before Baileys sees the stanza. Says whether there is anything to decrypt in it. */
  see(
    node: BinaryNode,
    me: Me,
    mono: number,
  ): { readonly record: StanzaRecord; readonly encrypted: boolean } {
    const { attrs } = node
    const record: StanzaRecord = { attrs, me }
    const ciphertexts = ciphertextsOf(node, me)
    const stanzaKey = stanzaKeyOf(attrs)
    for (const [part, ciphertext] of ciphertexts.entries()) {
      this.parts.set(ciphertext, {
        id: attrs['id'] ?? '',
        from: attrs['from'] ?? '',
        participant: attrs['participant'],
        stanzaKey,
        stanza: JSON.stringify(record),
        part,
        parts: ciphertexts.length,
      })
    }
    if (ciphertexts.length > 0) {
      this.open.set(stanzaKey, { since: mono, left: ciphertexts.length })
      if (attrs['offline'] !== undefined) this.backlog.add(stanzaKey)
    }
    return { record, encrypted: ciphertexts.length > 0 }
  }

  partOf(ciphertext: Uint8Array): StanzaPart | undefined {
    return this.parts.get(ciphertext)
  }

  /** A part was decrypted. */
  done({ stanzaKey }: StanzaPart, mono: number): void {
    const entry = this.open.get(stanzaKey)
    if (entry === undefined) return
    entry.left -= 1
    if (entry.left <= 0) this.close(stanzaKey, mono)
  }

  /** A part could not be decrypted: Baileys goes no further with the stanza, or answers for it. */
  refused({ stanzaKey }: StanzaPart, mono: number): void {
    this.close(stanzaKey, mono)
  }

  /**
   * Resolves when all that had waited at the server is worked off; undefined when it is. Baileys takes those one by one
   * (offline-node-processor.ts) and all others at once: without a wait, what is written now would overtake what was
   * written before, and leave it behind until its ratchet is forgotten and nobody can read it any more.
   */
  caughtUp(): Promise<void> | undefined {
    if (this.backlog.size === 0) return undefined
    this.caught ??= Promise.withResolvers<void>()
    return this.caught.promise
  }

  /** For how long a stanza has waited in vain, in ms; 0 when none does. Those of a backlog wait for each other. */
  oldestWait(mono: number): number {
    let oldest = mono
    for (const [key, { since }] of this.open) {
      oldest = Math.min(oldest, this.backlog.has(key) ? Math.max(since, this.backlogAt) : since)
    }
    return mono - oldest
  }

  private close(stanzaKey: string, mono: number): void {
    this.open.delete(stanzaKey)
    if (!this.backlog.delete(stanzaKey)) return
    this.backlogAt = mono
    if (this.backlog.size > 0) return
    this.caught?.resolve()
    this.caught = undefined
  }
}
