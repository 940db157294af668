import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/page/app.js', file: 'app.js', type: 'text/javascript; charset=utf-8' },
  { path: '/page/style.css', file: 'style.css', type: 'text/css; charset=utf-8' },
]

const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"

/** The page for people: three files of our own, nothing from elsewhere. */
export const servePage = (app: Hono): void => {
  for (const { path, file, type } of files) {
    const body = readFileSync(new URL(`page/${file}`, import.meta.url), 'utf8')
    app.get(path, (request) =>
      request.body(body, 200, {
        'content-type': type,
        'content-security-policy': policy,
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
      }),
    )
  }
}
