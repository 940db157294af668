import { execFile } from 'node:child_process'
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const ours = fileURLToPath(new URL('../../', import.meta.url))

/** A project with our bin/ and sources of its own, that say where they run. */
const createProject = async ({ esbuild }: { readonly esbuild: boolean }) => {
  const root = await mkdtemp(path.join(tmpdir(), 'wag-bin-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  await cp(path.join(ours, 'bin'), path.join(root, 'bin'), { recursive: true })
  await mkdir(path.join(root, 'src'))
  await mkdir(path.join(root, 'node_modules'))
  await writeFile(path.join(root, 'package.json'), '{"type":"module"}')
  if (esbuild) {
    for (const name of ['esbuild', '@esbuild']) {
      await symlink(path.join(ours, 'node_modules', name), path.join(root, 'node_modules', name))
    }
  }
  const cache = path.join(root, 'node_modules/.cache/whatsapp-api-gateway')
  return {
    root,
    source: (says: string): Promise<void> =>
      writeFile(
        path.join(root, 'src/main.ts'),
        `const says: string = '${says}'
        console.log(says, process.argv.slice(2).join(), import.meta.dirname, new Error().stack?.includes('.cache'))`,
      ),
    run: async (): Promise<string> => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [
        path.join(root, 'bin/gateway.js'),
        'a',
        'b',
      ])
      return `${stdout}${stderr}`.trim()
    },
    bundles: async (): Promise<string[]> => readdir(cache).catch(() => []),
    cache,
  }
}

test('the sources run from a bundle that is made once, with their own arguments and places', async () => {
  const { root, source, run, bundles } = await createProject({ esbuild: true })
  await source('one')
  expect(await run()).toBe(`one a,b ${path.join(root, 'src')} true`)
  const first = await bundles()
  expect(first).toHaveLength(1)
  expect(await run()).toBe(`one a,b ${path.join(root, 'src')} true`)
  expect(await bundles()).toEqual(first)
})

test('what has changed is bundled anew, and few old bundles are kept', async () => {
  const { source, run, bundles } = await createProject({ esbuild: true })
  for (const says of ['one', 'two', 'three', 'four', 'five']) {
    await source(says)
    expect(await run()).toMatch(`${says} a,b`)
  }
  expect(await bundles()).toHaveLength(3)
})

test('several that start at once share the bundle', async () => {
  const { source, run, bundles } = await createProject({ esbuild: true })
  await source('one')
  for (const said of await Promise.all([run(), run(), run()])) expect(said).toMatch(/^one .* true$/)
  expect(await bundles()).toHaveLength(1)
})

/** That the sources in the folder ran, and why no bundle did: of two lines, the second. */
const ranWithout = (root: string, said: string): string => {
  const [line, why = '', ...more] = said.split('\n')
  expect({ line, more }).toEqual({ line: `one a,b ${path.join(root, 'src')} false`, more: [] })
  expect(why).toMatch(/^warning: there is no bundle, so the sources run, /)
  return why
}

test('without esbuild the sources run as they are, and a line says why', async () => {
  const { root, source, run, bundles } = await createProject({ esbuild: false })
  await source('one')
  expect(ranWithout(root, await run())).toContain("Cannot find package 'esbuild'")
  expect(await bundles()).toEqual([])
})

test('where the build fails the sources run as they are, and a line says why', async () => {
  const { root, source, run, bundles } = await createProject({ esbuild: true })
  await source('one')
  await writeFile(path.join(root, 'src/more.ts'), "import('./missing.ts')")
  await appendFile(path.join(root, 'src/main.ts'), "\nif (process.argv.length > 9) await import('./more.ts')")
  expect(ranWithout(root, await run())).toContain('Could not resolve "./missing.ts"')
  expect(await bundles()).toEqual([])
})

test('a stack trace of a bundle names the functions, and the lines of a file that people can read', async () => {
  const { root, source, run } = await createProject({ esbuild: true })
  await source('one')
  await appendFile(
    path.join(root, 'src/main.ts'),
    `
    /** Never in a bundle. */
    const breaks = (): string | undefined => new Error('broken').stack
    // Lines come between.
    console.log(breaks())`,
  )
  const said = await run()
  const [, file = '', line = ''] = /at breaks \(file:\/\/(.*\.cache.*):(\d+):\d+\)/.exec(said) ?? []
  expect((await readFile(file, 'utf8')).split('\n')[Number(line) - 1]?.trim()).toMatch(
    /^var breaks = \(\) => new Error/,
  )
})

test('where no bundle can be written the sources run as they are, and a line says why', async () => {
  const { root, source, run, cache } = await createProject({ esbuild: true })
  await mkdir(path.dirname(cache))
  // A file stands where the folder would be: that stops a root user too.
  await writeFile(cache, '')
  await chmod(path.dirname(cache), 0o555)
  await source('one')
  expect(ranWithout(root, await run())).toContain('EEXIST')
  await chmod(path.dirname(cache), 0o755)
})

test('a CommonJS package that is imported late gives its names, as it does without a bundle', async () => {
  const { root, source, run } = await createProject({ esbuild: true })
  const folder = path.join(root, 'node_modules/late')
  await mkdir(folder)
  await writeFile(path.join(folder, 'package.json'), '{"name":"late","main":"index.js"}')
  // Names that nobody can tell without running it.
  await writeFile(
    path.join(folder, 'index.js'),
    "for (const name of ['Agent']) module.exports[name] = () => 'its agent'",
  )
  await source('one')
  await appendFile(
    path.join(root, 'src/main.ts'),
    "\nconst late = await import('late')\nconsole.log((late.Agent ?? late.default.Agent)(), 'Agent' in late)",
  )
  expect(await run()).toContain('its agent true')
})
