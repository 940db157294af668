/** Shown by browsers in the page, as nothing that runs: all else is offered to be kept. */
const shown = /^(image\/(?!svg)|audio\/|video\/)/

/** RFC 8187: what is no `attr-char` is written as bytes of UTF-8 in hex. */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** The last part of a path that somebody else may have named, without what ends a header or opens another folder. */
const baseName = (filename: string): string =>
  (filename.split(/[/\\]/).at(-1) ?? '')
    .replaceAll(/\p{Cc}/gu, '')
    .toWellFormed()
    .trim()

/** `Content-Disposition` (RFC 6266), with the name in ASCII for old clients and as it is for the others. */
export const dispositionOf = (mimetype: string, filename: string | null): string => {
  const kind = shown.test(mimetype) ? 'inline' : 'attachment'
  const name = baseName(filename ?? '')
  if (name === '') return kind
  const ascii = name.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll(/["\\%]/g, '_')
  const plain = `${kind}; filename="${ascii}"`
  return ascii === name ? plain : `${plain}; filename*=UTF-8''${encode(name)}`
}
