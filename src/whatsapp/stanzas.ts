import type { BinaryNode } from '@whiskeysockets/baileys'
import { type Me, stanzaKeyOf, type StanzaRecord } from './inbound.ts'
import type { StanzaPart } from './signal/repository.ts'

/**
 * Knows the stanza that each ciphertext came in. Baileys hands the very Buffer of the stanza to `decryptMessage`, so a
 * WeakMap is enough. Counts what was seen and not yet worked off, to notice a session that has gone deaf.
 */
export class StanzaTracker {
  private readonly parts = new WeakMap<Uint8Array, StanzaPart>()
  private readonly open = new Map<string, { since: number; left: number }>()

  /** Call it before Baileys sees the stanza. Says whether there is anything to decrypt in it. */
  see(
    { attrs, content }: BinaryNode,
    me: Me,
    mono: number,
  ): { readonly record: StanzaRecord; readonly encrypted: boolean } {
    const record: StanzaRecord = { attrs, me }
    const encs = Array.isArray(content) ? content.filter((child) => child.tag === 'enc') : []
    const stanzaKey = stanzaKeyOf(attrs)
    for (const [part, enc] of encs.entries()) {
      if (!(enc.content instanceof Uint8Array)) continue
      this.parts.set(enc.content, {
        id: attrs['id'] ?? '',
        from: attrs['from'] ?? '',
        participant: attrs['participant'],
        stanzaKey,
        stanza: JSON.stringify(record),
        part,
        parts: encs.length,
      })
    }
    if (encs.length > 0) this.open.set(stanzaKey, { since: mono, left: encs.length })
    return { record, encrypted: encs.length > 0 }
  }

  partOf(ciphertext: Uint8Array): StanzaPart | undefined {
    return this.parts.get(ciphertext)
  }

  /** A part was decrypted. */
  done({ stanzaKey }: StanzaPart): void {
    const entry = this.open.get(stanzaKey)
    if (entry === undefined) return
    entry.left -= 1
    if (entry.left <= 0) this.open.delete(stanzaKey)
  }

  /** A part could not be decrypted: Baileys goes no further with the stanza, or answers for it. */
  refused({ stanzaKey }: StanzaPart): void {
    this.open.delete(stanzaKey)
  }

  /** How long the oldest stanza has been waiting, in ms; 0 when none is. */
  oldestWait(mono: number): number {
    let oldest = mono
    for (const { since } of this.open.values()) oldest = Math.min(oldest, since)
    return mono - oldest
  }
}
