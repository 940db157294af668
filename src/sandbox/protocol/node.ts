import type { BinaryNode } from '@whiskeysockets/baileys'

/** A stanza or a part of one, in Baileys' own shape: a tag, attributes, and children, text or bytes. */
export type Node = BinaryNode

export const element = (
  tag: string,
  attrs: Readonly<Record<string, string | undefined>> = {},
  content?: Node[] | Uint8Array | string,
): Node => {
  const present: Record<string, string> = {}
  for (const [name, value] of Object.entries(attrs)) if (value !== undefined) present[name] = value
  return content === undefined ? { tag, attrs: present } : { tag, attrs: present, content }
}

export const children = (node: Node | undefined, tag?: string): Node[] => {
  if (!Array.isArray(node?.content)) return []
  return tag === undefined ? node.content : node.content.filter((child) => child.tag === tag)
}

export const child = (node: Node | undefined, tag: string): Node | undefined => children(node, tag)[0]

export const bytesOf = (node: Node | undefined): Buffer | undefined => {
  const content = node?.content
  if (content instanceof Uint8Array) return Buffer.from(content)
  return undefined
}

export const childBytes = (node: Node | undefined, tag: string): Buffer | undefined =>
  bytesOf(child(node, tag))

export const textOf = (node: Node | undefined): string | undefined => {
  const content = node?.content
  return typeof content === 'string' ? content : bytesOf(node)?.toString('utf8')
}

/** The unsigned big-endian number in a child, or undefined unless it has exactly so many bytes. */
export const childUint = (node: Node | undefined, tag: string, length: number): number | undefined => {
  const bytes = childBytes(node, tag)
  return bytes?.length === length ? bytes.readUIntBE(0, length) : undefined
}

export const uint = (value: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  bytes.writeUIntBE(value, 0, length)
  return bytes
}

/** An attribute, or undefined when it is missing or empty. */
export const attr = (node: Node, name: string): string | undefined => {
  const value: unknown = node.attrs[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The ids that a receipt is about: its own, then those of its list. */
export const receiptIds = (receipt: Node): string[] => {
  const ids = [attr(receipt, 'id')]
  for (const list of children(receipt, 'list')) {
    for (const item of children(list, 'item')) ids.push(attr(item, 'id'))
  }
  return ids.filter((id) => id !== undefined)
}
