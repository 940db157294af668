import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const child = fileURLToPath(new URL('mute-child.ts', import.meta.url))
const secrets = /privKey|rootKey|<Buffer|SessionEntry|ephemeralKeyPair|chainKey/

const run = async (mode: string): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [child, mode])
  return stdout + stderr
}

test('libsignal prints private keys when nobody stops it', async () => {
  expect(await run('loud')).toMatch(secrets)
})

test('after muteConsole no key material comes out, and what was swallowed is one short line of the log each', async () => {
  const lines = (await run('muted')).trim().split('\n')
  expect(lines.at(-1)).toBe('done')
  expect(lines.length).toBeGreaterThan(1)
  for (const line of lines.slice(0, -1)) {
    expect(line).not.toMatch(secrets)
    const { message, text } = JSON.parse(line) as { message: string; text: string }
    expect(message).toBe('console muted')
    expect(text.length).toBeLessThanOrEqual(60)
  }
})
