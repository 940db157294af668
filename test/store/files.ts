import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'

/** A folder that is gone after the test file. */
export const newFolder = (): string => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'wag-store-'))
  folders.push(folder)
  return folder
}

/** The path of a database that does not exist yet. */
export const newFile = (): string => path.join(newFolder(), 'gateway.db')

const folders: string[] = []

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})
