/**
 * What a benchmark is. Each lives in a file of its own and is listed in run.ts. It measures the gateway and a baseline
 * in the same run, in turns, so that the ratio means something on a machine whose speed changes.
 */

/** One measured figure; with a baseline also how it compares. */
export interface Figure {
  readonly what: string
  readonly unit: string
  readonly value: number
  readonly baseline?: { readonly name: string; readonly value: number }
  /** What the figure, or its ratio to the baseline (`of: 'ratio'`, value / baseline), should be. */
  readonly aim?: { readonly of: 'value' | 'ratio'; readonly at: 'least' | 'most'; readonly limit: number }
}

export interface BenchmarkRun {
  /** Fewer repetitions, to see that the benchmark runs; its figures mean little. */
  readonly quick: boolean
  readonly print: (line: string) => void
}

export interface Benchmark {
  readonly name: string
  readonly title: string
  run(run: BenchmarkRun): Promise<readonly Figure[]>
}

export const ratioOf = ({ value, baseline }: Figure): number | undefined =>
  baseline === undefined ? undefined : value / baseline.value

/** Whether the aim is met; undefined when there is none. */
export const meetsAim = (figure: Figure): boolean | undefined => {
  const { aim, value } = figure
  if (aim === undefined) return undefined
  const measured = aim.of === 'value' ? value : ratioOf(figure)
  if (measured === undefined) return false
  return aim.at === 'least' ? measured >= aim.limit : measured <= aim.limit
}
