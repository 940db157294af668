/** `node bin/build.js ROOT FOLDER`: bundles src/main.ts into the folder. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

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
        contents: source
          .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href))
          .replaceAll('import.meta.dirname', JSON.stringify(path.dirname(file))),
      }
    })
  },
}

await build({
  absWorkingDir: root,
  entryPoints: ['src/main.ts'],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: `node${process.versions.node}`,
  // Names stay: errors are told apart by them.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'error',
  // Native code, WebAssembly, and what Baileys may find or not.
  external: [
    'better-sqlite3',
    'whatsapp-rust-bridge',
    'pino-pretty',
    'sharp',
    'jimp',
    'link-preview-js',
    'audio-decode',
  ],
  plugins: [ownPlaces],
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
})
