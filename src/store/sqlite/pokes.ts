/**
 * Pokes between the processes of one data folder. Each listens on a Unix socket in the folder and connects to the
 * sockets that it finds there when it starts. A byte on a connection is a poke; another one asks for a turn at the lock.
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { Log } from '../../runtime/log.ts'

export interface Pokes {
  /** Tells the others that the database may have changed and that its lock is free. */
  poke(): void
  /** Tells the others that this process waits for the lock. */
  ask(): void
  close(): Promise<void>
}

const pokeByte = '.'
const askByte = '?'

/** `sun_path` has 104 bytes on macOS, 108 on Linux, with the zero at its end. */
const socketPathMaxBytes = 103
/** A socket that refuses may belong to a process that has bound it and does not listen yet. */
const staleSocketMinMs = 2_000
const socketPattern = /^wake-\d+-[0-9a-f]{8}\.sock$/

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

const fits = (folder: string, name: string): boolean =>
  Buffer.byteLength(path.join(folder, name)) <= socketPathMaxBytes

/** A folder for sockets under the temp folder, of our user alone; undefined when there can be none. */
const shortFolder = async (folder: string): Promise<string | undefined> => {
  const hash = createHash('sha256').update(path.resolve(folder)).digest('hex').slice(0, 16)
  const short = path.join(os.tmpdir(), `wag-${hash}`)
  await mkdir(short, { recursive: true, mode: 0o700 })
  const { uid, mode } = await lstat(short)
  const isOurs = uid === process.getuid?.() && (mode & 0o777) === 0o700
  return isOurs ? short : undefined
}

const listen = (server: Server, socketPath: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, () => {
      server.off('error', reject)
      resolve()
    })
  })

/** Undefined when pokes cannot work here; then polling is all there is. */
export const openPokes = async ({
  folder,
  onPoke,
  onAsk,
  log,
}: {
  readonly folder: string
  readonly onPoke: () => void
  readonly onAsk: () => void
  readonly log: Log | undefined
}): Promise<Pokes | undefined> => {
  const name = `wake-${process.pid}-${randomBytes(4).toString('hex')}.sock`
  const peers = new Set<Socket>()

  const join = (socket: Socket): void => {
    peers.add(socket)
    socket.unref()
    socket.on('data', (bytes: Buffer) => {
      if (bytes.includes(askByte)) onAsk()
      if (bytes.includes(pokeByte)) onPoke()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => peers.delete(socket))
  }

  /** Connects to another process; resolves with the code of the failure when there is none behind the socket. */
  const dial = (socketPath: string): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = connect(socketPath)
      const failed = (error: Error): void => {
        socket.destroy()
        resolve(codeOf(error))
      }
      socket.once('error', failed)
      socket.once('connect', () => {
        socket.off('error', failed)
        join(socket)
        resolve(undefined)
      })
    })

  const meet = async (socketPath: string): Promise<void> => {
    if ((await dial(socketPath)) !== 'ECONNREFUSED') return
    const { mtimeMs } = await lstat(socketPath)
    if (Date.now() - mtimeMs >= staleSocketMinMs) await rm(socketPath, { force: true })
  }

  const home = fits(folder, name) ? folder : await shortFolder(folder).catch(() => undefined)
  const server = createServer(join)
  server.unref()
  try {
    if (home === undefined || !fits(home, name)) return undefined
    await listen(server, path.join(home, name))
    server.on('error', (error) => log?.warn({ err: error }, 'wake-up socket failed, polling goes on'))
    const others = (await readdir(home)).filter((entry) => socketPattern.test(entry) && entry !== name)
    await Promise.allSettled(others.map((entry) => meet(path.join(home, entry))))
  } catch (error) {
    log?.warn({ err: error }, 'no wake-up socket, polling goes on')
    server.close()
    return undefined
  }

  const tell = (byte: string): void => {
    // A peer that has not read the last byte needs no other.
    for (const peer of peers) if (peer.writableLength === 0) peer.write(byte)
  }

  return {
    poke: () => tell(pokeByte),
    ask: () => tell(askByte),
    async close() {
      for (const peer of peers) peer.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      // The last process takes the temporary folder with it; while others are in it, it cannot be removed.
      if (home !== folder) await rmdir(home).catch(() => undefined)
    },
  }
}
