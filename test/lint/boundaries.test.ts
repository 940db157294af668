import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))
const oxlint = path.join(project, 'node_modules/.bin/oxlint')

/** What might be imported: files of src/ and packages. `own` stands for another file of the same folder. */
const candidates = [
  'own',
  'domain/jid.ts',
  'runtime/clock.ts',
  'qr/render.ts',
  'store/store.ts',
  'store/sqlite/open.ts',
  'media/blobs.ts',
  'control/context.ts',
  'whatsapp/socket.ts',
  'whatsapp/baileys.ts',
  'connector/connector.ts',
  'lease/lease-keeper.ts',
  'webhooks/sign.ts',
  'http/app.ts',
  'sandbox/server.ts',
  'commands/api.ts',
  'log.ts',
  'main.ts',
  'config.ts',
  '../test/domain/world.ts',
  'node:fs',
  'node:fs/promises',
  'drizzle-orm',
  'drizzle-orm/better-sqlite3',
  'better-sqlite3',
  '@whiskeysockets/baileys',
  '@whiskeysockets/baileys/lib/Types/index.js',
  'whatsapp-rust-bridge',
  'vcard4-ts',
  'libsignal',
  'undici',
  'aws4fetch',
  'file-type',
  'htmlparser2',
  'music-metadata',
  'sharp',
  'hono',
  'hono/cors',
  '@hono/zod-openapi',
  '@fastify/busboy',
  '@hono/node-server',
  'zod',
  'qrcode',
  'ws',
  'jsqr',
  'pngjs',
  'pino',
] as const
type Candidate = (typeof candidates)[number]

const node: readonly Candidate[] = ['node:fs', 'node:fs/promises']
const baileys: readonly Candidate[] = [
  '@whiskeysockets/baileys',
  '@whiskeysockets/baileys/lib/Types/index.js',
]
const hono: readonly Candidate[] = ['hono', 'hono/cors']
const wires: readonly Candidate[] = candidates.filter((name) => name !== 'main.ts')

/** The import table of ARCHITECTURE.md in terms of the candidates. */
const allowed: Readonly<Record<string, readonly Candidate[]>> = {
  domain: ['own', 'domain/jid.ts'],
  runtime: ['own', 'runtime/clock.ts', ...node],
  qr: ['own', 'qr/render.ts', 'qrcode'],
  store: [
    'own',
    'store/store.ts',
    'store/sqlite/open.ts',
    'domain/jid.ts',
    'runtime/clock.ts',
    'drizzle-orm',
    'drizzle-orm/better-sqlite3',
    'better-sqlite3',
    ...node,
  ],
  media: [
    'own',
    'media/blobs.ts',
    'domain/jid.ts',
    'runtime/clock.ts',
    'aws4fetch',
    'file-type',
    'htmlparser2',
    'music-metadata',
    'sharp',
    'undici',
    ...node,
  ],
  control: [
    'own',
    'control/context.ts',
    'domain/jid.ts',
    'store/store.ts',
    'media/blobs.ts',
    'runtime/clock.ts',
  ],
  whatsapp: [
    'own',
    'whatsapp/socket.ts',
    'whatsapp/baileys.ts',
    'domain/jid.ts',
    'store/store.ts',
    'runtime/clock.ts',
    'whatsapp-rust-bridge',
    'vcard4-ts',
    'undici',
    ...baileys,
    ...node,
  ],
  lease: ['own', 'lease/lease-keeper.ts', 'domain/jid.ts', 'store/store.ts', 'runtime/clock.ts'],
  webhooks: [
    'own',
    'webhooks/sign.ts',
    'domain/jid.ts',
    'store/store.ts',
    'media/blobs.ts',
    'lease/lease-keeper.ts',
    'runtime/clock.ts',
    'undici',
    ...node,
  ],
  connector: [
    'own',
    'connector/connector.ts',
    'domain/jid.ts',
    'store/store.ts',
    'whatsapp/socket.ts',
    'media/blobs.ts',
    'lease/lease-keeper.ts',
    'runtime/clock.ts',
    'qr/render.ts',
    ...node,
  ],
  http: [
    'own',
    'http/app.ts',
    'control/context.ts',
    'domain/jid.ts',
    'runtime/clock.ts',
    'qr/render.ts',
    '@hono/zod-openapi',
    '@fastify/busboy',
    'ws',
    'zod',
    ...hono,
    ...node,
  ],
  sandbox: [
    'own',
    'sandbox/server.ts',
    'runtime/clock.ts',
    'libsignal',
    '@hono/node-server',
    'zod',
    'ws',
    'jsqr',
    'pngjs',
    ...hono,
    ...baileys,
    ...node,
  ],
  commands: wires,
  'a-new-folder': [],
}
const folders = Object.keys(allowed)

/** A file with one import a line, so that a finding's line says which. */
const importsOf = (folder: string): string =>
  candidates
    .map((name) => {
      if (name === 'own') return "import * as own from './other.ts'"
      const local = name.endsWith('.ts')
      return `import * as i${candidates.indexOf(name)} from '${local ? '../' : ''}${name}'`
    })
    .join('\n')
    .concat(`\nexport const folder = '${folder}'\n`)

const forms: Readonly<Record<string, string>> = {
  'a plain import': "import { app } from '../http/app.ts'",
  'an import of a type': "import type { App } from '../http/app.ts'",
  'an import for its effects': "import '../http/app.ts'",
  'an import when it is needed': "export const app = () => import('../http/app.ts')",
  'an export of another file': "export { app } from '../http/app.ts'",
  'an export of all of another file': "export * from '../http/app.ts'",
}

const socketMakers: Readonly<Record<string, string>> = {
  'as the default': "import makeWASocket from '@whiskeysockets/baileys'",
  'by name': "import { makeWASocket } from '@whiskeysockets/baileys'",
  'by another name': "import { makeWASocket as harmless } from '@whiskeysockets/baileys'",
  'as part of all': "import * as baileys from '@whiskeysockets/baileys'",
  'with its settings': "import { DEFAULT_CONNECTION_CONFIG } from '@whiskeysockets/baileys'",
}

interface Finding {
  readonly line: number
  readonly message: string
}
const found = new Map<string, Finding[]>()
let folder = ''

const put = async (file: string, text: string): Promise<void> => {
  const full = path.join(folder, file)
  await mkdir(path.dirname(full), { recursive: true })
  await writeFile(full, text)
}

const lint = (): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(oxlint, ['-c', '.oxlintrc.json', '-f', 'json', 'src'], { cwd: folder }, (error, stdout) => {
      // Its exit code says that there were findings, which is what is wanted here.
      if (stdout === '') reject(error ?? new Error('oxlint said nothing'))
      else resolve(stdout)
    })
  })

interface Report {
  readonly diagnostics: readonly {
    readonly code: string
    readonly message: string
    readonly filename: string
    readonly labels: readonly { readonly span: { readonly line: number } }[]
  }[]
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'boundaries-'))
  await put(
    '.oxlintrc.json',
    JSON.stringify({
      plugins: [],
      jsPlugins: [path.join(project, 'lint/boundaries.js')],
      categories: { correctness: 'off' },
      rules: { 'boundaries/imports': 'error' },
    }),
  )
  for (const name of folders) await put(`src/${name}/probe.ts`, importsOf(name))
  await put('src/http/deep/deeper/probe.ts', "import { start } from '../../../connector/connector.ts'\n")
  await put('src/log.ts', "import pino from 'pino'\nimport { readConfig } from './config.ts'\n")
  await put(
    'src/main.ts',
    "import { readConfig } from './config.ts'\nimport { api } from './commands/api.ts'\n",
  )
  for (const [i, text] of Object.values(forms).entries()) await put(`src/domain/form${i}.ts`, `${text}\n`)
  for (const [i, text] of Object.values(socketMakers).entries())
    await put(`src/sandbox/maker${i}.ts`, `${text}\n`)
  const report = JSON.parse(await lint()) as Report
  for (const { filename, message, labels } of report.diagnostics) {
    const file = filename
      .split(path.sep)
      .join('/')
      .replace(/^.*?src\//, '')
    found.set(file, [...(found.get(file) ?? []), { line: labels[0]?.span.line ?? 0, message }])
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const linesOf = (file: string): number[] => (found.get(file) ?? []).map(({ line }) => line)

describe('the import table', () => {
  it.each(folders)('lets %s import what its row names, and nothing else', (name) => {
    const refused = new Set(linesOf(`${name}/probe.ts`))
    const passed = candidates.filter((_, i) => !refused.has(i + 1))
    // The sandbox may import Baileys, but not all of it under one name.
    const expected = name === 'sandbox' ? allowed[name]?.filter((c) => !baileys.includes(c)) : allowed[name]
    expect(passed.toSorted()).toEqual(expected?.toSorted())
  })

  it('holds in the folders of a folder as well', () => {
    expect(found.get('http/deep/deeper/probe.ts')).toEqual([
      { line: 1, message: 'src/http may not import connector/connector.ts' },
    ])
  })

  it('keeps http and connector apart', () => {
    const messages = [...(found.get('http/probe.ts') ?? []), ...(found.get('connector/probe.ts') ?? [])].map(
      ({ message }) => message,
    )
    expect(messages).toContain('src/http may not import connector/connector.ts')
    expect(messages).toContain('src/connector may not import http/app.ts')
  })

  it('has a row for every folder, or says that one is missing', () => {
    expect(found.get('a-new-folder/probe.ts')).toContainEqual({
      line: 1,
      message: 'src/a-new-folder is not in the import table (lint/boundaries.js)',
    })
  })

  it.each(Object.keys(forms))('is enforced for %s', (form) => {
    expect(linesOf(`domain/form${Object.keys(forms).indexOf(form)}.ts`)).toEqual([1])
  })
})

describe('main and config', () => {
  it('are imported by nobody but those who wire', () => {
    for (const name of folders) {
      const messages = (found.get(`${name}/probe.ts`) ?? []).map(({ message }) => message)
      expect(messages).toContain('nobody imports main.ts: pass values instead')
      if (name !== 'commands') expect(messages).toContain('nobody imports config.ts: pass values instead')
    }
  })

  it('are not imported by the other files beside them either', () => {
    expect(found.get('log.ts')).toEqual([
      { line: 2, message: 'nobody imports config.ts: pass values instead' },
    ])
  })

  it('may import the rest', () => {
    expect(found.get('main.ts')).toBeUndefined()
  })
})

describe('the sandbox', () => {
  it.each(Object.keys(socketMakers))('may not import what makes a socket of Baileys, %s', (how) => {
    expect(found.get(`sandbox/maker${Object.keys(socketMakers).indexOf(how)}.ts`)?.[0]?.message).toMatch(
      /^the sandbox may not import/,
    )
  })
})
