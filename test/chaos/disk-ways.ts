/** The ways in which a disk goes away, and how it comes back. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { open, rm, statfs } from 'node:fs/promises'
import path from 'node:path'
import type { IoFailures, IoShim } from './shims.ts'

const mib = 1024 * 1024
const refillEveryMs = 20

export interface Way {
  readonly name: string
  /** The status of the answer to a send while it lasts, and what its `error` says. */
  readonly refusal: number
  readonly error: RegExp
  begin(): Promise<void>
  end(): Promise<void>
}

export interface SmallDisk {
  readonly dataDir: string
  unmount(): void
}

/** A disk of its own for a data folder: a tmpfs. Undefined where this process may not mount one. */
export const mountSmallDisk = (folder: string, bytes: number): SmallDisk | undefined => {
  const at = path.join(folder, 'disk')
  mkdirSync(at)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'none', at], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return {
    dataDir: path.join(at, 'data'),
    unmount: () => execFileSync('umount', ['-l', at], { stdio: 'ignore' }),
  }
}

const freeBytes = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOSPC'

/**
 * Another program fills the disk of the data folder until so much is left, and takes at once what is given back. What
 * the gateway uses of the rest is its own.
 */
export const fillDisk = (
  dataDir: string,
  { name, leaveBytes }: { readonly name: string; readonly leaveBytes: number },
): Way => {
  const file = path.join(path.dirname(dataDir), 'filler')
  let going = false
  let filling: Promise<void> = Promise.resolve()
  const fill = async (): Promise<void> => {
    const handle = await open(file, 'a')
    try {
      for (;;) {
        const more = (await freeBytes(dataDir)) - leaveBytes
        if (more <= 0) return
        await handle.appendFile(Buffer.alloc(Math.min(more, mib), 1))
      }
    } catch (error) {
      if (!isNoSpace(error)) throw error
    } finally {
      await handle.close()
    }
  }
  const keepFull = async (): Promise<void> => {
    while (going) {
      await fill()
      await new Promise((resolve) => setTimeout(resolve, refillEveryMs))
    }
  }
  return {
    name,
    refusal: 507,
    error: /full/,
    async begin() {
      going = true
      await fill()
      filling = keepFull()
      // Told by end.
      filling.catch(() => undefined)
    },
    async end() {
      going = false
      await filling
      await rm(file, { force: true })
    },
  }
}

/** System calls on the files of the data folder fail. */
export const bend = (
  shim: IoShim,
  { failures, ...way }: Pick<Way, 'name' | 'refusal' | 'error'> & { readonly failures: IoFailures },
): Way => ({
  ...way,
  begin: () => Promise.resolve(shim.fail(failures)),
  end: () => Promise.resolve(shim.fail({})),
})

/** Are writes refused to a file that was open before it became immutable? Some file systems, tmpfs too, refuse only to open. */
const refusesWrites = (folder: string): boolean => {
  const file = path.join(folder, 'immutable')
  const fd = openSync(file, 'w')
  try {
    execFileSync('chattr', ['+i', file], { stdio: 'ignore' })
    writeSync(fd, 'x')
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  } finally {
    closeSync(fd)
    try {
      execFileSync('chattr', ['-i', file], { stdio: 'ignore' })
    } catch {
      // It never was.
    }
    rmSync(file)
  }
}

/** The files may not be written, not even by root. Undefined where the file system knows no such thing. */
export const immutableFiles = (dataDir: string): Way | undefined => {
  if (!refusesWrites(dataDir)) return undefined
  const change = (flag: '+i' | '-i'): void => {
    const files = ['gateway.db', 'gateway.db-wal'].map((file) => path.join(dataDir, file))
    execFileSync('chattr', [flag, ...files], { stdio: 'ignore' })
  }
  return {
    name: 'immutable files',
    refusal: 503,
    error: /read-only/,
    begin: () => Promise.resolve(change('+i')),
    end: () => Promise.resolve(change('-i')),
  }
}
