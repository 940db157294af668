/**
 * C libraries that are preloaded into the gateway's processes, and nowhere else, to make the system beneath them
 * misbehave: compiled with `cc` from `shims/`, and steered at run time through a small file that they map.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const noCompiler = 'there is no C compiler (cc) here, so the system beneath the gateway cannot be bent'

export const hasCompiler = (): boolean => {
  if (process.platform !== 'linux') return false
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const compile = (name: string, folder: string): string => {
  const source = fileURLToPath(new URL(`shims/${name}.c`, import.meta.url))
  const library = path.join(folder, `${name}.so`)
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl'])
  return library
}

/** Integers in a file that a process maps. */
const openFile = (file: string, bytes: number) => {
  const fd = openSync(file, 'w', 0o600)
  writeSync(fd, Buffer.alloc(bytes))
  return {
    file,
    write: (value: Buffer): void => {
      writeSync(fd, value, 0, bytes, 0)
    },
    close: (): void => closeSync(fd),
  }
}

export interface ClockShim {
  /** For the environment of the processes whose wall clock it is. */
  readonly env: Readonly<Record<string, string>>
  /** Sets the wall clock so many ms ahead of the real one. */
  set(aheadMs: number): void
  close(): void
}

const nsPerMs = 1_000_000n

/** Makes wall clocks, one for each call; `folder` is for the library and the files. */
export const clockShims = (folder: string): ((name: string) => ClockShim) => {
  const library = compile('clock', folder)
  return (name) => {
    const { file, write, close } = openFile(path.join(folder, `${name}.clock`), 8)
    return {
      env: { LD_PRELOAD: library, CLOCK_SHIM_FILE: file },
      set(aheadMs) {
        const value = Buffer.alloc(8)
        const ns = BigInt(Math.round(aheadMs)) * nsPerMs
        if (os.endianness() === 'LE') value.writeBigInt64LE(ns)
        else value.writeBigInt64BE(ns)
        write(value)
      },
      close,
    }
  }
}

type ErrorName = keyof typeof os.constants.errno

/** What fails, and with which error. */
export interface IoFailures {
  readonly writes?: ErrorName
  readonly syncs?: ErrorName
}

export interface IoShim {
  readonly env: Readonly<Record<string, string>>
  /** From now on these calls on files of the data folder fail, and no others. */
  fail(failures: IoFailures): void
  close(): void
}

export const ioShim = (folder: string, dataDir: string): IoShim => {
  const { file, write, close } = openFile(path.join(folder, 'io.errors'), 8)
  return {
    env: { LD_PRELOAD: compile('io', folder), IO_SHIM_FILE: file, IO_SHIM_FOLDER: dataDir },
    fail(failures) {
      const names = [failures.writes, failures.syncs]
      const values = Int32Array.from(names, (name) => (name === undefined ? 0 : os.constants.errno[name]))
      write(Buffer.from(values.buffer))
    },
    close,
  }
}
