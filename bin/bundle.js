/** Keeps a bundle of the sources in node_modules/.cache, and makes a new one whenever anything in it has changed. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const buildFile = fileURLToPath(new URL('build.js', import.meta.url))
const packagesFile = fileURLToPath(new URL('packages.js', import.meta.url))
const buildTimeoutMs = 60_000
/** The newest ones: a process that runs may still load a part of an older one. */
const bundlesKept = 3

/** Everything that decides what is in the bundle: the sources, the packages, and how it is made. */
const fingerprint = (root) => {
  const hash = createHash('sha256').update(process.version).update(root)
  const add = (file) => hash.update(file).update('\0').update(readFileSync(file)).update('\0')
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  for (const name of sources.toSorted()) {
    const file = path.join(root, 'src', name)
    if (/\.[jt]s$/.test(name) && statSync(file).isFile()) add(file)
  }
  for (const file of [path.join(root, 'node_modules/.package-lock.json'), buildFile, packagesFile])
    if (existsSync(file)) add(file)
  return hash.digest('hex').slice(0, 16)
}

const removeOld = (cache) => {
  const bundles = readdirSync(cache)
    .map((name) => ({ folder: path.join(cache, name), at: statSync(path.join(cache, name)).mtimeMs }))
    .toSorted((a, b) => b.at - a.at)
  for (const { folder } of bundles.slice(bundlesKept)) rmSync(folder, { recursive: true, force: true })
}

/** The line that says most, of what a build has written. */
const whyFailed = ({ error, signal, stderr }) =>
  error?.message ??
  stderr
    .split('\n')
    .find((line) => /\berror\b/i.test(line))
    ?.trim() ??
  `the build ended by ${signal ?? 'itself'}`

/**
 * The URL of the bundle's main file, or why there is none and none can be made: without esbuild, or where node_modules
 * cannot be written.
 *
 * @param {string} root the folder of package.json
 * @returns {{ readonly main: URL } | { readonly why: string }}
 */
export const bundleOf = (root) => {
  const cache = path.join(root, 'node_modules/.cache/whatsapp-api-gateway')
  try {
    const folder = path.join(cache, fingerprint(root))
    const main = pathToFileURL(path.join(folder, 'main.js'))
    if (existsSync(main)) return { main }
    mkdirSync(cache, { recursive: true })
    const made = mkdtempSync(path.join(cache, 'new-'))
    // In a process of its own, so that nothing of it stays in the memory of this one.
    const build = spawnSync(process.execPath, [buildFile, root, made], {
      timeout: buildTimeoutMs,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    try {
      if (build.status === 0) renameSync(made, folder)
    } catch {
      // Another process was first.
    }
    rmSync(made, { recursive: true, force: true })
    removeOld(cache)
    return existsSync(main) ? { main } : { why: whyFailed(build) }
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) }
  }
}
