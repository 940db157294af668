import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'

/** Linux gives the CPU time of processes in ticks of 10 ms (`getconf CLK_TCK`, 100 on all of its platforms). */
const tickMs = 10
const bytesPerKb = 1024
const bytesPerMb = 1024 * 1024

/** User and system CPU time that a process has used since its start, in ms (proc(5), `/proc/PID/stat`). */
export const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program stands in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

const statusMb = async (pid: number, field: string): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kb = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]
  if (kb === undefined) throw new Error(`process ${pid} tells no memory`)
  return (Number(kb) * bytesPerKb) / bytesPerMb
}

/** Resident memory of a process in MB. */
export const rssMb = (pid: number): Promise<number> => statusMb(pid, 'VmRSS')

/** The part of it that comes from no file: node's own code is in a file, which all node processes have in common. */
export const anonymousMb = (pid: number): Promise<number> => statusMb(pid, 'RssAnon')

/** Begins anew to keep the peak of a process's resident memory (proc(5), `/proc/PID/clear_refs`). */
export const forgetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, '5')

/** The peak of the resident memory of a process, in MB. */
export const peakMb = (pid: number): Promise<number> => statusMb(pid, 'VmHWM')

/** The value below which the given part of the values lies; NaN of none. */
export const quantile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
