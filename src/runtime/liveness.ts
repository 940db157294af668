import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing NUL included. */
const socketPathBytesMax = 103
const answerTimeoutMs = 500
const ending = '.alive'

const socketPath = (folder: string, name: string): string => {
  const wanted = path.join(folder, `${name}${ending}`)
  if (Buffer.byteLength(wanted) <= socketPathBytesMax) return wanted
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 24)
  return path.join(tmpdir(), `wag-${digest}${ending}`)
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

export interface DeathWatch {
  /** `isKnownDead`, and once it is known it stays known. Of a name that has announced itself: it stands in a lease. */
  isDead(name: string): Promise<boolean>
  stop(): void
}

/**
 * Watches who of a folder has died, and takes the socket files of the dead away when they were known for `keepMs`. Not
 * sooner: one that died while it was taking over from another leaves what only that other's file can say.
 */
export const watchDeaths = (folder: string, keepMs: number): DeathWatch => {
  const dead = new Set<string>()
  const burials = new Map<string, NodeJS.Timeout>()
  const forget = async (name: string): Promise<void> => {
    if (await isKnownDead(folder, name)) await rm(socketPath(folder, name), { force: true })
  }
  const bury = (name: string): void => {
    if (burials.has(name)) return
    const timer = setTimeout(() => {
      burials.delete(name)
      forget(name).catch(() => undefined)
    }, keepMs)
    burials.set(name, timer.unref())
  }
  /**
   * What others would have taken away, had they lived so long. It judges nobody: a process that is only just announcing
   * itself has a file that refuses connections too.
   */
  const lookAround = async (): Promise<void> => {
    const files = await readdir(folder)
    const names = files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length))
    for (const name of names) if (await isKnownDead(folder, name)) bury(name)
  }
  lookAround().catch(() => undefined)
  return {
    async isDead(name) {
      if (!dead.has(name) && (await isKnownDead(folder, name))) {
        dead.add(name)
        bury(name)
      }
      return dead.has(name)
    },
    stop() {
      for (const timer of burials.values()) clearTimeout(timer)
      burials.clear()
    },
  }
}
