/** Reads a `.cpuprofile` of V8: where the time of a window went. */

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly name: string
  /** Of the busy time of the window: 0 to 1. */
  readonly part: number
}

export interface Shares {
  /** Microseconds in which the process was not idle. */
  readonly busyUs: number
  readonly packages: readonly Share[]
  /** Functions by the time in themselves. */
  readonly self: readonly Share[]
  /** Functions of the project and of Baileys by the time in themselves and in what they call. */
  readonly inclusive: readonly Share[]
}

const idle = '(idle)'
const projectFile = /\/src\/(([^/]+)\/.+)$/
const packageFile = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)(.*)$/

const packageOf = ({ url, functionName }: ProfileNode['callFrame']): string => {
  const packaged = packageFile.exec(url)
  if (packaged !== null) return packaged[1] ?? url
  const own = projectFile.exec(url)
  if (own !== null) return `src/${own[2]}`
  if (url.startsWith('node:')) return url.replace(/^(node:(?:internal\/)?[^/]+).*$/, '$1')
  if (url.startsWith('wasm:')) return 'WebAssembly'
  return functionName.startsWith('(') ? functionName : '(native)'
}

const labelOf = ({ callFrame }: ProfileNode): string => {
  const { url, functionName, lineNumber } = callFrame
  const file =
    packageFile.exec(url)?.slice(1).join('/') ??
    (projectFile.exec(url)?.[1] === undefined ? url : `src/${projectFile.exec(url)?.[1]}`)
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`
}

const isOfInterest = ({ callFrame: { url } }: ProfileNode): boolean =>
  url.includes('/src/') || url.includes('/baileys/')

const sharesOf = (times: ReadonlyMap<string, number>, busyUs: number): Share[] =>
  [...times].map(([name, us]) => ({ name, part: us / busyUs })).toSorted((a, b) => b.part - a.part)

/** `fromUs` and `toUs` are of the monotonic clock, as `process.hrtime` has it. */
export const sharesOfWindow = (profile: CpuProfile, fromUs: number, toUs: number): Shares => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  )
  const packages = new Map<string, number>()
  const self = new Map<string, number>()
  const inclusive = new Map<string, number>()
  const add = (times: Map<string, number>, name: string, us: number): void => {
    times.set(name, (times.get(name) ?? 0) + us)
  }
  let busyUs = 0
  let at = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0
    at += us
    const node = nodes.get(id)
    if (node === undefined || at < fromUs || at > toUs || node.callFrame.functionName === idle) continue
    busyUs += us
    add(packages, packageOf(node.callFrame), us)
    add(self, labelOf(node), us)
    const seen = new Set<string>()
    for (let each: number | undefined = id; each !== undefined; each = parents.get(each)) {
      const ancestor = nodes.get(each)
      if (ancestor !== undefined && isOfInterest(ancestor)) seen.add(labelOf(ancestor))
    }
    for (const label of seen) add(inclusive, label, us)
  }
  return {
    busyUs,
    packages: sharesOf(packages, busyUs),
    self: sharesOf(self, busyUs),
    inclusive: sharesOf(inclusive, busyUs),
  }
}
