import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { clock } from './clock.ts'
import { seededRandom } from './random.ts'
import { clockShims, hasCompiler, noCompiler } from './shims.ts'

const seed = 20_261_122
const limitMs = 180_000
const hourMs = 60 * 60 * 1000
const withCompiler = hasCompiler()
const why = withCompiler ? '' : `, left out: ${noCompiler}`

/** Prints both clocks and SQLite's, waits for the word to go on, and prints them again. */
const program = `
  import BetterSqlite from 'better-sqlite3'
  const db = new BetterSqlite(':memory:')
  const clocks = () => [Date.now(), performance.now(), db.prepare("select unixepoch() * 1000").pluck().get()]
  console.log(JSON.stringify(clocks()))
  process.stdin.once('data', () => {
    console.log(JSON.stringify(clocks()))
    process.exit()
  })`

test.skipIf(!withCompiler)(
  `the wall clock of a process can be set while it runs, and its monotonic clock does not notice${why}`,
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'wag-shim-'))
    try {
      const shim = clockShims(folder)('one')
      shim.set(-hourMs)
      const args = ['--input-type=module', '-e', program]
      const running = promisify(execFile)(process.execPath, args, {
        cwd: import.meta.dirname,
        env: { ...process.env, ...shim.env },
      })
      const first = new Promise((resolve) => running.child.stdout?.once('data', resolve))
      await first
      shim.set(hourMs)
      running.child.stdin?.end('go on')
      const lines = (await running).stdout.trim().split('\n')
      const [before, after] = lines.map((line) => JSON.parse(line) as [number, number, number])
      shim.close()
      if (before === undefined || after === undefined) throw new Error('the process said too little')
      const passedMs = after[1] - before[1]
      expect(passedMs).toBeGreaterThanOrEqual(0)
      expect(passedMs).toBeLessThan(hourMs / 2)
      for (const wall of [0, 2] as const) {
        const jumpedMs = after[wall] - before[wall] - passedMs
        expect(Math.abs(jumpedMs - 2 * hourMs)).toBeLessThan(5_000)
        expect(Math.abs(before[wall] + hourMs - Date.now())).toBeLessThan(hourMs / 2)
      }
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)

test.skipIf(!withCompiler)(
  `${clock.title}: no lease changes hands, nothing waits or is sent again${why}`,
  { timeout: limitMs },
  async () => {
    const report = await clock.run({
      scale: 'short',
      seed,
      random: seededRandom(seed).fork(clock.name),
      print: () => undefined,
    })
    expect(report.checks.filter(({ holds }) => !holds)).toEqual([])
  },
)
