import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { proto } from '@whiskeysockets/baileys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { importsForLoads, lazyTypes, wasmInFiles } = (await import(
  pathToFileURL(path.join(root, 'bin/packages.js')).href
)) as {
  importsForLoads: (source: string) => string
  lazyTypes: (source: string) => string
  wasmInFiles: (source: string) => { readonly code: string; readonly texts: readonly string[] }
}

const packageFile = (file: string): Promise<string> => readFile(path.join(root, 'node_modules', file), 'utf8')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'wag-packages-'))
  await symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

type Owner = Readonly<Record<string, unknown>>
const membersOf = (value: unknown): Owner | undefined =>
  (typeof value === 'object' || typeof value === 'function') && value !== null ? (value as Owner) : undefined

/** Each type, enum and field with its place and kind. */
const outline = (owner: Owner, at = 'proto'): string[] =>
  Object.keys(owner)
    .toSorted()
    .flatMap((name) => {
      const value = owner[name]
      const place = `${at}.${name}`
      const isType = /^[A-Z]/.test(name) && membersOf(value) !== undefined
      const fields = typeof value === 'function' ? Object.keys(membersOf(value.prototype) ?? {}) : []
      const kind = typeof value === 'function' || isType ? typeof value : String(value)
      return [`${place} ${kind} ${fields.join()}`, ...(isType ? outline(value as Owner, place) : [])]
    })

describe('the types of WhatsApp', () => {
  let lazy: typeof proto
  beforeAll(async () => {
    const file = path.join(folder, 'types.mjs')
    const source = await packageFile('@whiskeysockets/baileys/WAProto/index.js')
    // protobufjs has one place for all types of a name, where those of Baileys are already.
    await writeFile(file, lazyTypes(source).replaceAll('.roots["default"]', '.roots["lazy"]'))
    lazy = ((await import(/* @vite-ignore */ pathToFileURL(file).href)) as { proto: typeof proto }).proto
  })

  test('are made when they are first asked for', () => {
    for (const owner of [lazy, lazy.Message, lazy.SyncActionValue]) {
      const types = Object.entries(Object.getOwnPropertyDescriptors(owner)).filter(([name]) =>
        /^[A-Z]/.test(name),
      )
      expect(types.length).toBeGreaterThan(30)
      for (const [, member] of types) expect(member).toHaveProperty('get', expect.any(Function))
    }
    expect(lazy.Message.ImageMessage).toBe(lazy.Message.ImageMessage)
  })

  test('are the same, to the last field', () => {
    const all = outline(lazy)
    expect(all).toEqual(outline(proto))
    expect(all.length).toBeGreaterThan(4_000)
  })

  test('encode the same bytes, and read them', () => {
    const content = {
      extendedTextMessage: {
        text: 'hello',
        previewType: 'VIDEO',
        contextInfo: { quotedMessage: { imageMessage: { caption: 'a', fileLength: '12345678901' } } },
      },
    }
    const bytes = lazy.Message.encode(lazy.Message.fromObject(content)).finish()
    expect(bytes).toEqual(proto.Message.encode(proto.Message.fromObject(content)).finish())
    const read = lazy.Message.decode(bytes)
    expect(read).toBeInstanceOf(lazy.Message)
    expect(read.toJSON()).toEqual(proto.Message.decode(bytes).toJSON())
  })

  test('stay as they are where their file looks otherwise', () => {
    const source =
      '\nexport const proto = (() => {\n    proto.A = (function() {\n    return 1\n    })()\n})();\n'
    expect(lazyTypes(source)).toBe(source)
  })
})

describe('the Signal library', () => {
  test('has its WebAssembly in files, and all else in its source', async () => {
    const source = await packageFile('whatsapp-rust-bridge/dist/index.js')
    const { code, texts } = wasmInFiles(source)
    expect(texts).toHaveLength(2)
    for (const text of texts)
      expect(Buffer.from(text, 'base64').subarray(0, 4).toString('latin1')).toBe('\0asm')
    const rest = code.slice(code.indexOf('\n', code.lastIndexOf('const readWasmText')) + 1)
    expect(rest.length).toBeLessThan(200_000)
    expect(rest.replaceAll(/readWasmText\(wasmFile(\d)\)/g, (_, at) => `"${texts[Number(at)] ?? ''}"`)).toBe(
      source,
    )
  })
})

test('what is loaded as CommonJS is imported in the bundle', async () => {
  const source = await readFile(path.join(root, 'src/store/sqlite/drizzle.ts'), 'utf8')
  const code = importsForLoads(source)
  const names = (text: string): string[] =>
    [...text.matchAll(/^export (?:const )?\{([^}]*)\}/gm)].flatMap(([, list = '']) =>
      list
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    )
  expect(names(code)).toEqual(names(source))
  expect(names(code)).toContain('sqliteTable')
  expect(code).not.toMatch(/\bload\(/)
  expect(code).not.toContain('createRequire(')
})

test('a load of another kind stays what it is, with all that it needs', () => {
  const source =
    "const load = createRequire(import.meta.url)\nexport const { a } = load('a') as typeof A\nload('b')\n"
  expect(importsForLoads(source)).toBe(source)
})

describe('the bundle', () => {
  const run = promisify(execFile)
  let files: readonly string[]
  beforeAll(async () => {
    await run(process.execPath, [path.join(root, 'bin/build.js'), root, path.join(folder, 'bundle')])
    files = await readdir(path.join(folder, 'bundle'))
  }, 60_000)

  /** The packages and builtin modules that are there once the parts with these names are loaded. */
  const loadedWith = async (...parts: readonly string[]): Promise<string> => {
    const urls = parts.map((part) => {
      const name = files.find((file) => file.startsWith(`${part}-`)) ?? part
      return pathToFileURL(path.join(folder, 'bundle', name)).href
    })
    const script = `
      import { registerHooks } from 'node:module'
      import { readFileSync } from 'node:fs'
      const packages = new Set()
      registerHooks({
        load(url, context, next) {
          if (url.includes('/bundle/'))
            for (const [, name] of readFileSync(new URL(url), 'utf8').matchAll(/^\\/\\/ node_modules\\/((?:@[^/]+\\/)?[^/\\n]+)/gm))
              packages.add(name)
          return next(url, context)
        },
      })
      for (const url of ${JSON.stringify(urls)}) await import(url)
      console.log([...packages, ...process.moduleLoadList].join('\\n'))
      process.exit(0)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script])
    return stdout
  }

  test('of the connector holds Baileys, and nothing of the API or of fetch', async () => {
    const loaded = await loadedWith('connector', 'baileys')
    expect(loaded).toMatch(/^@whiskeysockets\/baileys$/m)
    expect(loaded).not.toMatch(/^(zod|hono|undici|@hono\/.*|music-metadata)$/m)
    expect(loaded).not.toMatch(/deps\/undici\/undici$/m)
  })

  test('of the API holds nothing of Baileys', async () => {
    const loaded = await loadedWith('api')
    expect(loaded).toMatch(/^hono$/m)
    expect(loaded).not.toMatch(/^(@whiskeysockets\/baileys|whatsapp-rust-bridge|undici)$/m)
    expect(loaded).not.toMatch(/^(sharp|file-type|music-metadata|htmlparser2|@fastify\/busboy)$/m)
  })

  test('keeps the types and the WebAssembly beside its sources', () => {
    expect(files).toContain('whatsapp-types.cjs')
    expect(files.filter((file) => file.startsWith('wasm-text'))).toHaveLength(2)
  })
})
