/** The documents of the project as the tests of this folder read them. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const project = fileURLToPath(new URL('../..', import.meta.url))

export const readProjectFile = (file: string): string => readFileSync(path.join(project, file), 'utf8')

export const readme = readProjectFile('README.md')
export const architecture = readProjectFile('ARCHITECTURE.md')

/** What stands under a heading of the second level. */
export const section = (document: string, heading: string): string => {
  const [, text] = document.split(`\n## ${heading}\n`)
  if (text === undefined) throw new Error(`there is no section ${heading}`)
  return text.split('\n## ')[0] ?? ''
}

/** The cells of each row of the tables in a text, without their heads. */
export const tableRows = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .map((line, index, lines) => ({ line, isHead: lines[index + 1]?.startsWith('| ---') === true }))
    .filter(({ line, isHead }) => line.startsWith('| ') && !line.startsWith('| ---') && !isHead)
    .map(({ line }) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    )

/** What stands between backticks. */
export const quoted = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)

/** The contents of the fenced blocks of a language. */
export const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(/```(\w+)\n(.*?)```/gs)].flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  )

const ignored: ReadonlySet<string> = new Set(['node_modules', '.git', 'data', 'coverage'])

const walk = (folder: string): string[] =>
  readdirSync(path.join(project, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name)
    if (ignored.has(entry.name)) return []
    return entry.isDirectory() ? walk(file) : [file]
  })

/** The files of the project: what git has or would take, or what is there when this is no git repository. */
export const projectFiles = (): readonly string[] => {
  try {
    return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\0')
      .filter((file) => file !== '')
  } catch {
    return walk('.')
  }
}
