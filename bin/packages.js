/**
 * What the bundle does to packages, and to how the sources load them, so that a process keeps no more of them in memory
 * than it uses. The files in node_modules stay as they are; one that looks otherwise than expected is bundled as it is.
 */

/** As in `Message.ImageMessage = (function() {`, which the same indent and `})();` end: all of WAProto is made so. */
const typeStart = /^( {4,})([\w$]+)\.([\w$]+) = \(function\(\) \{$/gm
const typeEnd = /^( {4,})\}\)\(\);$/gm

const lazyMember = `
const $lazyMember = (owner, name, make) => {
  let value;
  Object.defineProperty(owner, name, { configurable: true, enumerable: true, get: () => (value ??= make()) });
};
`

/**
 * WAProto/index.js of Baileys with each type and enum made when it is first asked for. At once, as it stands there, they are
 * 5 MB of functions and twice as much of memory; a gateway uses a tenth of them.
 *
 * @param {string} source
 */
export const lazyTypes = (source) => {
  const starts = [...source.matchAll(typeStart)]
  const ends = [...source.matchAll(typeEnd)]
  const head = source.indexOf('\nexport const proto')
  // An end is at the indent of its start, so that as many of each are pairs.
  if (head < 0 || starts.length === 0 || starts.length !== ends.length) return source
  const body = source
    .slice(head)
    .replaceAll(typeStart, '$1$lazyMember($2, "$3", function() {')
    .replaceAll(typeEnd, '$1});')
  return `${source.slice(0, head)}${lazyMember}${body}`
}

/**
 * What stands for WAProto/index.js where the file with its types is loaded as CommonJS: of an ES module that is so long Node
 * keeps two bytes for each character.
 *
 * @param {string} file
 */
export const requiredTypes = (file) =>
  `const types = require('./${file}');\nexport const { proto, default: root } = types;\nexport { root as default };`

/** A WebAssembly module in base64: its magic number, and so many bytes that it can be nothing else. */
const wasmText = /"(AGFzbQE[\w+/]{1000,}={0,2})"/g

/**
 * A package whose WebAssembly is text in its source, with the text in files beside the bundle instead: in memory, where a
 * source stays as long as the process, it would be 6 MB.
 *
 * @param {string} source
 */
export const wasmInFiles = (source) => {
  /** @type {string[]} */
  const texts = []
  const code = source.replaceAll(wasmText, (_, text) => {
    texts.push(text)
    return `readWasmText(wasmFile${texts.length - 1})`
  })
  const imports = texts.map((_, at) => `import wasmFile${at} from 'wasm-text:${at}';\n`).join('')
  return {
    texts,
    code:
      texts.length === 0
        ? source
        : `import { readFileSync as readTextOf } from 'node:fs';\n${imports}` +
          `const readWasmText = (file) => readTextOf(new URL(file, import.meta.url), 'latin1');\n${code}`,
  }
}

const loader = /^const load = createRequire\(import\.meta\.url\)$/m
/** As in `export const { and, eq } = load('drizzle-orm') as typeof Orm`. */
const loaded = /export const (\{[^}]*\}) =\s+load\(\s*('[^']+'),?\s*\) as typeof \w+/g

/**
 * What a source of ours loads as CommonJS for the sake of a quick start: a bundle has none of the files that are slow.
 *
 * @param {string} source
 */
export const importsForLoads = (source) => {
  const code = source.replaceAll(loaded, 'export $1 from $2')
  return /\bload\(/.test(code) ? source : code.replace(loader, '')
}

/**
 * `node:http` as a CommonJS module. Where one imports it Node looks at all that it exports, and for one of these loads
 * its own copy of undici, 4 MB.
 */
export const plainHttp = "module.exports = process.getBuiltinModule('node:http')"
