import { statfs } from 'node:fs/promises'

const mib = 1024 * 1024

/** Rejects, with why, when a file of so many bytes would take of the disk what is kept for other things. */
export type CheckRoom = (bytes: number) => Promise<void>

export const createCheckRoom =
  (folder: string, reserveBytes: number): CheckRoom =>
  async (bytes) => {
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    if (free - bytes >= reserveBytes) return
    const [left, kept] = [free, reserveBytes].map((size) => Math.floor(size / mib))
    throw new Error(
      `the disk has ${left} MiB left, of which ${kept} are kept, and the file has ${bytes} bytes`,
    )
  }
