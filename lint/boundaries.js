/**
 * The import table of ARCHITECTURE.md, as a lint rule: which folder of src/ may import which folder, file or package.
 * An entry is a folder of src/, a file of src/ (with its .ts), `node:*`, or a package name. main.ts and commands/ wire
 * the others together and may import them all.
 */
import path from 'node:path'

const table = {
  domain: ['domain'],
  runtime: ['runtime', 'node:*'],
  qr: ['qr', 'qrcode'],
  store: ['store', 'domain', 'runtime', 'node:*', 'drizzle-orm', 'better-sqlite3'],
  media: [
    'media',
    'domain',
    'runtime',
    'node:*',
    'aws4fetch',
    'file-type',
    'htmlparser2',
    'music-metadata',
    'sharp',
    'undici',
  ],
  control: ['control', 'domain', 'store/store.ts', 'media', 'runtime'],
  whatsapp: [
    'whatsapp',
    'domain',
    'store/store.ts',
    'runtime',
    'node:*',
    '@whiskeysockets/baileys',
    'whatsapp-rust-bridge',
    'vcard4-ts',
    'undici',
  ],
  lease: ['lease', 'domain', 'store/store.ts', 'runtime'],
  webhooks: ['webhooks', 'domain', 'store/store.ts', 'media', 'lease', 'runtime', 'node:*', 'undici'],
  connector: [
    'connector',
    'domain',
    'store/store.ts',
    'whatsapp/socket.ts',
    'media',
    'lease',
    'runtime',
    'qr',
    'node:*',
  ],
  http: [
    'http',
    'control',
    'domain',
    'runtime',
    'qr',
    'hono',
    '@hono/zod-openapi',
    '@fastify/busboy',
    'ws',
    'zod',
    'node:*',
  ],
  sandbox: [
    'sandbox',
    'runtime',
    'node:*',
    '@whiskeysockets/baileys',
    'libsignal',
    'hono',
    '@hono/node-server',
    'zod',
    'ws',
    'jsqr',
    'pngjs',
  ],
}

/** Names of Baileys that start or wrap a socket: the sandbox is an independent witness and may not touch them. */
const bannedInSandbox = new Set([
  'default',
  'makeWASocket',
  'DEFAULT_CONNECTION_CONFIG',
  'addTransactionCapability',
])

const baileys = '@whiskeysockets/baileys'

const packageOf = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

const imports = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = context.filename ?? context.getFilename()
    const src = `${path.sep}src${path.sep}`
    const at = file.lastIndexOf(src)
    if (at < 0) return {}
    const root = file.slice(0, at + src.length)
    const own = file.slice(root.length).split(path.sep)
    const folder = own.length > 1 ? own[0] : undefined
    const allowed = folder === undefined ? undefined : table[folder]

    const check = (node, specifier) => {
      if (typeof specifier !== 'string') return
      const local = specifier.startsWith('.')
      const target = local
        ? path
            .relative(root, path.resolve(path.dirname(file), specifier))
            .split(path.sep)
            .join('/')
        : specifier
      const wires = folder === 'commands' || own[0] === 'main.ts'
      if (local && (target === 'main.ts' || (target === 'config.ts' && !wires))) {
        context.report({ node, message: `nobody imports ${target}: pass values instead` })
        return
      }
      if (folder === undefined || wires) return
      if (allowed === undefined) {
        context.report({ node, message: `src/${folder} is not in the import table (lint/boundaries.js)` })
        return
      }
      const name = local
        ? target.split('/')[0]
        : specifier.startsWith('node:')
          ? 'node:*'
          : packageOf(specifier)
      if (!allowed.includes(name) && !allowed.includes(target)) {
        context.report({ node, message: `src/${folder} may not import ${target}` })
      }
    }
    const inSandbox = (node, source) =>
      folder === 'sandbox' && typeof source === 'string' && packageOf(source) === baileys
    const checkNames = (node) => {
      if (!inSandbox(node, node.source?.value)) return
      if (node.source.value !== baileys) {
        context.report({ node, message: 'the sandbox may import Baileys by its root only' })
      }
      for (const s of node.specifiers ?? []) {
        const name = (s.type === 'ImportSpecifier' ? s.imported : s.local)?.name
        const whole = s.type === 'ImportDefaultSpecifier' || s.type === 'ImportNamespaceSpecifier'
        const banned = whole || bannedInSandbox.has(name)
        if (banned) context.report({ node: s, message: `the sandbox may not import ${name}` })
      }
    }
    const checkBoth = (node) => {
      if (!node.source) return
      check(node, node.source.value)
      checkNames(node)
    }
    return {
      ImportDeclaration: checkBoth,
      ExportNamedDeclaration: checkBoth,
      ExportAllDeclaration(node) {
        check(node, node.source.value)
        if (inSandbox(node, node.source.value)) {
          context.report({ node, message: 'the sandbox may not pass on all of Baileys' })
        }
      },
      ImportExpression(node) {
        const { source } = node
        const plain = source.type === 'TemplateLiteral' && source.expressions.length === 0
        const specifier = plain ? source.quasis[0]?.value.cooked : source.value
        if (typeof specifier !== 'string') {
          context.report({ node, message: 'an import must name what it imports' })
          return
        }
        check(node, specifier)
        if (inSandbox(node, specifier)) {
          context.report({ node, message: 'the sandbox imports Baileys by name, at the top of a file' })
        }
      },
      TSImportType(node) {
        check(node, node.source?.value ?? node.argument?.literal?.value)
      },
    }
  },
}

export default { meta: { name: 'boundaries' }, rules: { imports } }
