import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import {
  createPreviewLink,
  firstUrl,
  keptMax,
  pageBytesMax,
  runningMax,
} from '../../src/media/link-preview.ts'
import type { Clock } from '../../src/runtime/clock.ts'
import { newSpool, ownMachine, pictureBytes, publicOnly, serve } from './samples.ts'

const preview = async (guard = ownMachine) => {
  const spool = await newSpool()
  const time = { ms: 0 }
  const clock: Clock = { now: Date.now, monotonic: () => time.ms }
  return { spool, clock: time, of: createPreviewLink({ clock, guard, spool }) }
}

const page = (html: string | Buffer, type = 'text/html; charset=utf-8') =>
  serve((_, response) => response.writeHead(200, { 'content-type': type }).end(html))

describe('the first URL of a text', () => {
  it.each([
    ['see https://example.com/a?b=1#c and http://other.example', 'https://example.com/a?b=1#c'],
    ['It is here: https://example.com/cats.', 'https://example.com/cats'],
    ['(https://example.com/x)', 'https://example.com/x'],
    ['*https://example.com*', 'https://example.com'],
    ['HTTPS://EXAMPLE.COM/Up', 'HTTPS://EXAMPLE.COM/Up'],
    ['line\nhttps://example.com/y\nline', 'https://example.com/y'],
    ['https://例え.jp/道', 'https://例え.jp/道'],
  ])('of %j is %s', (text, url) => {
    expect(firstUrl(text)).toBe(url)
  })

  it.each([
    'no link',
    'example.com',
    'ftp://example.com',
    'https://',
    'mailto:a@b.example',
    'xhttps://a.example',
  ])('is none in %j', (text) => {
    expect(firstUrl(text)).toBeUndefined()
  })
})

describe('the preview of a page', () => {
  it('is what the page says of itself', async () => {
    const picture = await pictureBytes('png')
    const url = await serve((request, response) => {
      if (request.url === '/cat.png') {
        return void response.writeHead(200, { 'content-type': 'image/png' }).end(picture)
      }
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><html><head>
        <title>Not this</title>
        <meta property="og:title" content="Cats &amp; dogs">
        <meta name="og:description" content="All   of
          them">
        <meta property="og:image" content="/cat.png"></head><body>`)
    })
    const { spool, of } = await preview()
    const found = await of(`${url}/page`)
    expect(found).toMatchObject({ url: `${url}/page`, title: 'Cats & dogs', description: 'All of them' })
    expect(await sharp(found?.thumbnail ?? new Uint8Array()).metadata()).toMatchObject({
      format: 'jpeg',
      width: 192,
    })
    expect(await spool.files()).toEqual([])
  })

  it('is its title when it says no more', async () => {
    const url = await page('<title> Plain\n page &#128049; </title><meta name=description content="About">')
    const { of } = await preview()
    expect(await of(url)).toEqual({ url, title: 'Plain page 🐱', description: 'About', thumbnail: null })
  })

  it('is read in the charset of the page', async () => {
    const url = await page(Buffer.from('<title>Caf\xe9</title>', 'latin1'), 'text/html; charset=iso-8859-1')
    const { of } = await preview()
    expect((await of(url))?.title).toBe('Café')
    const unknown = await page('<title>Plain</title>', 'text/html; charset=klingon')
    expect((await of(unknown))?.title).toBe('Plain')
  })

  it('is read no further than the head, nor further than its limit', async () => {
    let bytes = 0
    const url = await serve((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      response.write(request.url === '/head' ? '<title>Head</title></head>' : '<title>Long</title>')
      const more = (): void => {
        while (response.write('x'.repeat(65_536))) bytes += 65_536
      }
      response.on('drain', more)
      more()
    })
    const { of } = await preview()
    expect((await of(`${url}/head`))?.title).toBe('Head')
    bytes = 0
    expect((await of(`${url}/long`))?.title).toBe('Long')
    expect(bytes).toBeLessThan(pageBytesMax * 20)
  })

  it('goes without a picture that is private, broken or none', async () => {
    for (const image of ['http://127.0.0.2/x.png', '/broken.png', 'file:///etc/passwd', 'http://']) {
      const url = await serve((request, response) => {
        const isPage = request.url === '/'
        response.writeHead(200, { 'content-type': isPage ? 'text/html' : 'image/png' })
        response.end(isPage ? `<title>T</title><meta property="og:image" content="${image}">` : 'broken')
      })
      const { of, spool } = await preview()
      expect(await of(`${url}/`)).toMatchObject({ title: 'T', thumbnail: null })
      expect(await spool.files()).toEqual([])
    }
  })

  it('is none of a page without a title, of what is no page, and of what is not there', async () => {
    const { of } = await preview()
    expect(await of(await page('<p>Hello</p>'))).toBeUndefined()
    expect(await of(await page('<title>T</title>', 'application/pdf'))).toBeUndefined()
    expect(
      await of(await serve((_, response) => response.writeHead(404).end('<title>T</title>'))),
    ).toBeUndefined()
    expect(await of('http://127.0.0.1:1/')).toBeUndefined()
  })

  it('is none of a private page', async () => {
    const { of } = await preview(publicOnly)
    expect(await of(await page('<title>Secret</title>'))).toBeUndefined()
  })

  it('is none of a server that takes too long', async () => {
    const { of } = await preview()
    const before = performance.now()
    expect(await of(await serve(() => undefined))).toBeUndefined()
    expect(performance.now() - before).toBeLessThan(20_000)
  })
})

describe('a page that is asked for again', () => {
  const counting = async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<title>${asked}</title>`)
    })
    return { url, asked: () => asked }
  }

  it('is read once in a while, by all at the same time too', async () => {
    const { url, asked } = await counting()
    const { of, clock } = await preview()
    const found = await Promise.all([of(url), of(url), of(url)])
    expect(found.map((one) => one?.title)).toEqual(['1', '1', '1'])
    clock.ms += 9 * 60_000
    expect((await of(url))?.title).toBe('1')
    clock.ms += 60_000
    expect((await of(url))?.title).toBe('2')
    expect(asked()).toBe(2)
  })

  it('is read again when many others were in between', async () => {
    const { url, asked } = await counting()
    const { of } = await preview()
    for (let at = 0; at <= keptMax; at += 1) await of(`${url}/${at}`)
    expect(asked()).toBe(keptMax + 1)
    await of(`${url}/0`)
    await of(`${url}/${keptMax}`)
    expect(asked()).toBe(keptMax + 2)
  })

  it('is not waited for when too many are asked', async () => {
    const gates: (() => void)[] = []
    const url = await serve((_, response) => gates.push(() => response.end()))
    const { of } = await preview()
    const waiting = Array.from({ length: runningMax }, (_, at) => of(`${url}/${at}`))
    expect(await of(`${url}/more`)).toBeUndefined()
    await expect.poll(() => gates.length).toBe(runningMax)
    for (const open of gates) open()
    await Promise.all(waiting)
  })
})
