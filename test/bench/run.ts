/**
 * `npm run bench [-- NAME... [--quick]]`: runs the benchmarks, all when none is named, prints a table of each and writes
 * it with the machine's description to test/bench/results/NAME.json (not with --quick).
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Figure, meetsAim, ratioOf } from './benchmark.ts'
import { benchmarks } from './benchmarks.ts'

const folder = fileURLToPath(new URL('results/', import.meta.url))
const bytesPerGb = 1024 ** 3

const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGb: Math.round(totalmem() / bytesPerGb),
  kernel: release(),
  node: process.version,
})

const round = (value: number): number => Number(value.toPrecision(4))

const aimText = ({ aim }: Figure): string => (aim === undefined ? '' : `${aim.of} at ${aim.at} ${aim.limit}`)

const printTable = (figures: readonly Figure[]): void => {
  const rows = figures.map((figure) => [
    figure.what,
    `${round(figure.value)} ${figure.unit}`,
    figure.baseline === undefined ? '' : `${figure.baseline.name} ${round(figure.baseline.value)}`,
    ratioOf(figure)?.toFixed(2) ?? '',
    aimText(figure),
    { true: 'met', false: 'MISSED', undefined: '' }[String(meetsAim(figure))] ?? '',
  ])
  const table = [['', 'gateway', 'baseline', 'ratio', 'aim', ''], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  for (const row of table) {
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
  }
}

const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean' } } })
const quick = values.quick === true
const unknown = positionals.find((name) => !benchmarks.some((benchmark) => benchmark.name === name))
if (unknown !== undefined) {
  console.error(`error: there is no benchmark ${unknown}`)
  for (const { name, title } of benchmarks) console.error(`  ${name.padEnd(16)}${title}`)
  process.exit(2)
}
const chosen =
  positionals.length === 0 ? benchmarks : benchmarks.filter(({ name }) => positionals.includes(name))

console.log(`${JSON.stringify(machine())}${quick ? ' quick: the figures mean little' : ''}`)
for (const benchmark of chosen) {
  console.log(`\n${benchmark.name}: ${benchmark.title}`)
  const figures = await benchmark.run({ quick, print: (line) => console.log(`  … ${line}`) })
  printTable(figures)
  if (quick) continue
  const result = {
    benchmark: benchmark.name,
    at: new Date().toISOString(),
    machine: machine(),
    figures: figures.map((figure) => {
      const ratio = ratioOf(figure)
      const met = meetsAim(figure)
      return {
        ...figure,
        ...(ratio === undefined ? {} : { ratio: round(ratio) }),
        ...(met === undefined ? {} : { met }),
      }
    }),
  }
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, `${benchmark.name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}
