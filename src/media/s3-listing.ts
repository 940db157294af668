/** What S3 answers to ListObjects (`ListBucketResult`). */
interface Listing {
  readonly entries: readonly { readonly key: string; readonly bytes: number; readonly modifiedAt: number }[]
  readonly isTruncated: boolean
}

/** Throws when it is no such listing. */
export const readListing = async (xml: string): Promise<Listing> => {
  const { Parser } = await import('htmlparser2')
  const entries: Listing['entries'][number][] = []
  const path: string[] = []
  let values: Record<string, string> = {}
  let isTruncated: string | undefined
  const parser = new Parser(
    {
      onopentag(name) {
        path.push(name)
        if (name === 'Contents') values = {}
      },
      ontext(text) {
        const at = path.join('/')
        if (at === 'ListBucketResult/IsTruncated') isTruncated = `${isTruncated ?? ''}${text}`
        if (!at.startsWith('ListBucketResult/Contents/')) return
        const name = at.slice('ListBucketResult/Contents/'.length)
        values[name] = `${values[name] ?? ''}${text}`
      },
      onclosetag(name) {
        path.pop()
        if (name !== 'Contents') return
        const { Key, Size, LastModified } = values
        entries.push({
          key: Key ?? '',
          bytes: Number(Size),
          modifiedAt: Date.parse(LastModified ?? ''),
        })
      },
    },
    { xmlMode: true },
  )
  parser.end(xml)
  if (isTruncated === undefined) throw new Error('S3 answered with something that is no listing')
  return { entries, isTruncated: isTruncated.trim() === 'true' }
}
