import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import {
  architecture,
  project,
  projectFiles,
  quoted,
  readme,
  readProjectFile,
  section,
  tableRows,
} from './documents.ts'

/** Folders whose files exist only while the gateway runs. */
const runtimeOnly = /^data\//

test.for([
  ['README.md', readme],
  ['ARCHITECTURE.md', architecture],
] as const)('every path that %s names exists', ([, document]) => {
  const names = [...document.matchAll(/(?<![\w./-])(?:src|test|lint|migrations|\.ci)\/[\w./-]*/g)].map(
    ([name]) => name.replace(/[.,]$/, ''),
  )
  const files = quoted(document).filter((name) => /^[\w-]+\.(?:md|json|ts|js)$/.test(name))
  const links = [...document.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link = '']) => link)
  const known = projectFiles()
  expect(names.length).toBeGreaterThan(3)
  expect([...names, ...links].filter((name) => !existsSync(path.join(project, name)))).toEqual([])
  expect(
    files.filter((name) => !runtimeOnly.test(name) && !known.some((file) => path.basename(file) === name)),
  ).toEqual([])
})

test('the layout names every folder of src, and only those', () => {
  const named = [...section(architecture, 'Layout').matchAll(/^src\/(\w+)\/ /gm)].map(([, folder]) => folder)
  const there = readdirSync(path.join(project, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
  expect(new Set(named)).toEqual(new Set(there))
})

test('what a document says is in a file is there', () => {
  const told = [...`${readme}${architecture}`.matchAll(/`(\w+)` in\s`([\w./-]+\.ts)`/g)]
  expect(told.length).toBeGreaterThan(3)
  expect(
    told
      .filter(([, name = '', file = '']) => !new RegExp(`\\b${name}\\b`).test(readProjectFile(file)))
      .map(([text]) => text),
  ).toEqual([])
})

test('the import table is the one that the linter enforces', () => {
  const [, source] = /^const table = (\{.*?^\})$/ms.exec(readProjectFile('lint/boundaries.js')) ?? []
  const enforced = runInNewContext(`(${source})`) as Record<string, string[]>
  const told = Object.fromEntries(
    tableRows(section(architecture, 'Layout')).map(([folder = '', allowed = '']) => [
      quoted(folder)[0],
      quoted(allowed),
    ]),
  )
  expect(told).toEqual(JSON.parse(JSON.stringify(enforced)))
})

test('every npm script that a document names is there', () => {
  const { scripts } = JSON.parse(readProjectFile('package.json')) as { scripts: Record<string, string> }
  const named = [...`${readme}${architecture}`.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:]+)/g)].map(
    ([, name = '']) => name,
  )
  expect(named).toContain('gateway')
  expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([])
})

test('the documents keep to their length', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(780)
  expect(architecture.split('\n').length).toBeLessThanOrEqual(320)
})

// In pieces, or this file would name what none may name.
const buildPaths = ['work', 'root', 'builds', 'github/workspace'].map((folder) => `/${folder}/`)
const registries = ['npm js.org', 'npm js.com', 'npm mirror.com', 'yarn pkg.com', 'arti factory'].map(
  (name) => name.replace(' ', ''),
)

test('no file names a folder of a build machine or a package registry', () => {
  const wrong = projectFiles().flatMap((file) => {
    if (!existsSync(path.join(project, file))) return []
    const text = readProjectFile(file)
    const named = [
      ...registries.filter((name) => text.toLowerCase().includes(name)),
      ...buildPaths.filter((name) => new RegExp(`(?<![\\w.@~}*-])${name}`).test(text)),
    ]
    return named.map((name) => `${file}: ${name}`)
  })
  expect(wrong).toEqual([])
})
