/** Runs the tests and closes with `N passed, N failed` alone on the last line. Arguments go to vitest. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

interface Results {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numFailedTestSuites: number
  readonly success: boolean
}

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const folder = await mkdtemp(path.join(tmpdir(), 'wag-test-'))
const file = path.join(folder, 'results.json')
try {
  const child = spawn(
    process.execPath,
    [
      vitest,
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...process.argv.slice(2),
    ],
    { stdio: 'inherit' },
  )
  const [code]: unknown[] = await once(child, 'exit')
  const results = JSON.parse(await readFile(file, 'utf8')) as Results
  // A file that cannot even be loaded has no failed tests of its own, and is a failure all the same.
  const failed = results.numFailedTests + (results.numFailedTests === 0 && !results.success ? 1 : 0)
  console.log(`${results.numPassedTests} passed, ${failed} failed`)
  process.exitCode = code === 0 && failed === 0 && results.numPassedTests > 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
