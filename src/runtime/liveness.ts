import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing NUL included. */
const socketPathBytesMax = 103
const answerTimeoutMs = 500

const socketPath = (folder: string, name: string): string => {
  const wanted = path.join(folder, `${name}.alive`)
  if (Buffer.byteLength(wanted) <= socketPathBytesMax) return wanted
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 24)
  return path.join(tmpdir(), `wag-${digest}.alive`)
}

export interface Presence {
  /** Ends the sign of life. */
  close(): Promise<void>
}

/**
 * Shows that this process lives, by a Unix socket under `name` in the folder: the kernel closes it with the process,
 * however that ends, and never before.
 */
export const announceLife = (folder: string, name: string): Promise<Presence> =>
  new Promise((resolve, reject) => {
    const file = socketPath(folder, name)
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(file, () => {
      server.unref()
      resolve({
        close: async () => {
          await new Promise<void>((done) => server.close(() => done()))
          await rm(file, { force: true })
        },
      })
    })
  })

/**
 * Is the process that announced `name` known to be gone? A socket file that refuses connections is one whose process
 * has died. A frozen process still accepts; where there is no file, nothing is known: both are no.
 */
export const isKnownDead = (folder: string, name: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(socketPath(folder, name))
    const answer = (dead: boolean): void => {
      socket.destroy()
      resolve(dead)
    }
    socket.setTimeout(answerTimeoutMs, () => answer(false))
    socket.once('connect', () => answer(false))
    socket.once('error', (error: NodeJS.ErrnoException) => answer(error.code === 'ECONNREFUSED'))
  })

/** Removes the socket file that a dead process has left. */
export const forgetDead = (folder: string, name: string): Promise<void> =>
  rm(socketPath(folder, name), { force: true })
