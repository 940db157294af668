import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { announceLife, isKnownDead, watchDeaths } from '../../src/runtime/liveness.ts'

const moduleUrl = new URL('../../src/runtime/liveness.ts', import.meta.url).href

const newFolder = async (deep = ''): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), `alive${deep}-`))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A process of its own that shows that it lives under `name`. */
const announced = async (folder: string, name: string): Promise<ChildProcess> => {
  const script = `
    import { announceLife } from ${JSON.stringify(moduleUrl)}
    await announceLife(${JSON.stringify(folder)}, ${JSON.stringify(name)})
    setInterval(() => undefined, 1_000_000)
    process.send('announced')
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  })
  await once(child, 'message')
  return child
}

const kill = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

describe('a process that announced itself', () => {
  it('is not known dead while it lives', async () => {
    const folder = await newFolder()
    await announced(folder, 'con_1')
    expect(await isKnownDead(folder, 'con_1')).toBe(false)
  })

  it('is known dead once it was killed', async () => {
    const folder = await newFolder()
    const child = await announced(folder, 'con_1')
    await kill(child, 'SIGKILL')
    expect(await isKnownDead(folder, 'con_1')).toBe(true)
  })

  it('is not known dead while it is frozen, however often one asks', async () => {
    const folder = await newFolder()
    const child = await announced(folder, 'con_1')
    child.kill('SIGSTOP')
    for (let left = 5; left > 0; left -= 1) expect(await isKnownDead(folder, 'con_1')).toBe(false)
    child.kill('SIGCONT')
    expect(await isKnownDead(folder, 'con_1')).toBe(false)
  })

  it('is known dead when it was killed while it was frozen', async () => {
    const folder = await newFolder()
    const child = await announced(folder, 'con_1')
    child.kill('SIGSTOP')
    await kill(child, 'SIGKILL')
    expect(await isKnownDead(folder, 'con_1')).toBe(true)
  })

  it('is told from another in the same folder', async () => {
    const folder = await newFolder()
    const [first] = await Promise.all([announced(folder, 'con_1'), announced(folder, 'con_2')])
    await kill(first, 'SIGKILL')
    expect(await isKnownDead(folder, 'con_1')).toBe(true)
    expect(await isKnownDead(folder, 'con_2')).toBe(false)
  })

  it('can live in a folder whose name is too long for a socket', async () => {
    const folder = await newFolder('-'.padEnd(120, 'x'))
    const child = await announced(folder, 'con_1')
    expect(await isKnownDead(folder, 'con_1')).toBe(false)
    await kill(child, 'SIGKILL')
    expect(await isKnownDead(folder, 'con_1')).toBe(true)
  })
})

describe('a sign of life', () => {
  it('that was never given says nothing', async () => {
    expect(await isKnownDead(await newFolder(), 'con_1')).toBe(false)
    expect(await isKnownDead('/no/such/folder', 'con_1')).toBe(false)
  })

  it('that was ended says nothing, and leaves no file', async () => {
    const folder = await newFolder()
    const presence = await announceLife(folder, 'con_1')
    expect(existsSync(path.join(folder, 'con_1.alive'))).toBe(true)
    await presence.close()
    expect(existsSync(path.join(folder, 'con_1.alive'))).toBe(false)
    expect(await isKnownDead(folder, 'con_1')).toBe(false)
  })

  it('cannot be given twice under one name', async () => {
    const folder = await newFolder()
    const presence = await announceLife(folder, 'con_1')
    await expect(announceLife(folder, 'con_1')).rejects.toThrow(/EADDRINUSE/)
    await presence.close()
  })

  it('cannot be given in a folder that is not there', async () => {
    await expect(announceLife('/no/such/folder', 'con_1')).rejects.toThrow()
  })
})

describe('a watch for the dead', () => {
  const watched = (folder: string, keepMs: number) => {
    const watch = watchDeaths(folder, keepMs)
    onTestFinished(() => watch.stop())
    return watch
  }
  const isThere = (folder: string) => existsSync(path.join(folder, 'con_1.alive'))

  it('tells the living from the dead', async () => {
    const folder = await newFolder()
    const child = await announced(folder, 'con_1')
    const watch = watched(folder, 60_000)
    expect(await watch.isDead('con_1')).toBe(false)
    await kill(child, 'SIGKILL')
    expect(await watch.isDead('con_1')).toBe(true)
    expect(await watch.isDead('con_2')).toBe(false)
  })

  it('leaves their files for another that starts soon after, and then takes them away', async () => {
    const folder = await newFolder()
    await kill(await announced(folder, 'con_1'), 'SIGKILL')
    const first = watched(folder, 60_000)
    expect(await first.isDead('con_1')).toBe(true)
    first.stop()
    const second = watched(folder, 200)
    expect(await second.isDead('con_1')).toBe(true)
    await vi.waitFor(() => expect(isThere(folder)).toBe(false))
    expect(await second.isDead('con_1')).toBe(true)
  })

  it('takes away what a watch has left that ended too soon', async () => {
    const folder = await newFolder()
    await kill(await announced(folder, 'con_1'), 'SIGKILL')
    watched(folder, 20)
    await vi.waitFor(() => expect(isThere(folder)).toBe(false))
  })

  it('does not hold one for dead that only starts to listen when it has looked around', async () => {
    const folder = await newFolder()
    await kill(await announced(folder, 'con_1'), 'SIGKILL')
    const watch = watched(folder, 200)
    // As a name between its bind and its listen: it refuses now, and accepts before anybody asks for it.
    await new Promise((resolve) => setTimeout(resolve, 50))
    await rm(path.join(folder, 'con_1.alive'))
    const presence = await announceLife(folder, 'con_1')
    expect(await watch.isDead('con_1')).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(isThere(folder)).toBe(true)
    await presence.close()
  })

  it('leaves the file of a process that lives', async () => {
    const folder = await newFolder()
    const presence = await announceLife(folder, 'con_1')
    watched(folder, 1)
    await watched(folder, 1).isDead('con_1')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(isThere(folder)).toBe(true)
    await presence.close()
  })
})
