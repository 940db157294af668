/** `node bin/build.js ROOT FOLDER`: bundles src/main.ts into the folder. */
import { readFile } from 'node:fs/promises'
import { builtinModules, createRequire, findPackageJSON } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, transform } from 'esbuild'
import { importsForLoads, lazyTypes, plainHttp, requiredTypes, wasmInFiles } from './packages.js'

/** WAProto of Baileys, which is as long as all the rest. */
const waProto = /[\\/]baileys[\\/]WAProto[\\/]index\.js$/
const typesFile = 'whatsapp-types.cjs'

const [root = '', outdir = ''] = process.argv.slice(2)

/** Files are found from the place of the source that names them, not from that of the bundle. */
const ownPlaces = {
  name: 'own-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path: file }) => {
      if (!file.startsWith(path.join(root, 'src'))) return undefined
      const source = await readFile(file, 'utf8')
      return {
        loader: 'ts',
        contents: importsForLoads(source)
          .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href))
          .replaceAll('import.meta.dirname', JSON.stringify(path.dirname(file))),
      }
    })
  },
}

const lazyProto = {
  name: 'lazy-proto',
  setup({ onLoad }) {
    onLoad({ filter: waProto }, async ({ path: file }) => ({
      contents: lazyTypes(await readFile(file, 'utf8')),
    }))
  },
}

/** Whether a file is CommonJS, as Node tells it. */
const isCommonJs = async (file) => {
  if (/\.[cm]js$/.test(file)) return file.endsWith('.cjs')
  const manifest = findPackageJSON(pathToFileURL(file))
  return manifest !== undefined && JSON.parse(await readFile(manifest, 'utf8')).type !== 'module'
}

/** Where a CommonJS package is imported late, esbuild gives its chunk nothing but a default export: here are the others. */
const lateNames = {
  name: 'late-names',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /^[a-z@]/ }, async ({ path: name, kind, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === lateNames || builtinModules.includes(name))
        return undefined
      const { path: file, external } = await resolve(name, { kind, resolveDir, pluginData: lateNames })
      const isLate = path.isAbsolute(file) && external !== true && (await isCommonJs(file))
      return isLate ? { path: file, namespace: 'late-names' } : undefined
    })
    onLoad({ filter: /.*/, namespace: 'late-names' }, ({ path: file }) => ({
      contents: `import whole from ${JSON.stringify(file)}; export default whole;
export const { ${Object.keys(createRequire(import.meta.url)(file))
        .filter((name) => name !== 'default')
        .join(', ')} } = whole;`,
      resolveDir: root,
    }))
  },
}

const common = {
  absWorkingDir: root,
  outdir,
  bundle: true,
  platform: 'node',
  target: `node${process.versions.node}`,
  legalComments: 'none',
  logLevel: 'error',
}

/** Half as long without its names, which are in no stack trace that anybody needs. */
const buildTypes = (file) =>
  build({
    ...common,
    entryPoints: { [path.parse(typesFile).name]: file },
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    plugins: [lazyProto],
    minify: true,
  })

const leanPackages = {
  name: 'lean-packages',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /whatsapp-types\.cjs$/ }, () => ({ path: `./${typesFile}`, external: true }))
    onLoad({ filter: waProto }, async ({ path: file }) => {
      await buildTypes(file)
      return { contents: requiredTypes(typesFile) }
    })
    /** @type {string[]} */
    const wasmTexts = []
    onLoad({ filter: /[\\/]whatsapp-rust-bridge[\\/]dist[\\/]index\.js$/ }, async ({ path: file }) => {
      const { code, texts } = wasmInFiles(await readFile(file, 'utf8'))
      wasmTexts.push(...texts)
      return { contents: code }
    })
    onResolve({ filter: /^wasm-text:/ }, ({ path: name }) => ({ path: name, namespace: 'wasm-text' }))
    onLoad({ filter: /.*/, namespace: 'wasm-text' }, ({ path: name }) => ({
      contents: wasmTexts[Number(name.split(':')[1])],
      loader: 'file',
    }))
    onResolve({ filter: /^(node:)?http$/ }, () => ({ path: 'http', namespace: 'plain-http' }))
    onLoad({ filter: /.*/, namespace: 'plain-http' }, () => ({ contents: plainHttp }))
    // For what stands in comments only, beyond ASCII, a source would take two bytes a character.
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path: file }) => {
      const source = await readFile(file, 'utf8')
      return { contents: (await transform(source, { minifyWhitespace: true })).code }
    })
  },
}

await build({
  ...common,
  entryPoints: ['src/main.ts'],
  format: 'esm',
  splitting: true,
  plugins: [ownPlaces, lateNames, leanPackages],
  // Native code, and what Baileys may find or not.
  external: ['better-sqlite3', 'pino-pretty', 'sharp', 'jimp', 'link-preview-js', 'audio-decode'],
  // No more than this: a stack trace of the bundle must say something, and errors are told apart by their names.
  minifySyntax: true,
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
})
