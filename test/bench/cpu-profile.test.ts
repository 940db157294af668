import { expect, test } from 'vitest'
import { type CpuProfile, sharesOfWindow } from './cpu-profile.ts'

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 0 })

/** One sample a millisecond, from 1,000,000 µs on. */
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 4] },
    { id: 2, callFrame: frame('send', 'file:///home/src/whatsapp/send.ts'), children: [3] },
    { id: 3, callFrame: frame('encode', 'file:///home/node_modules/@whiskeysockets/baileys/lib/encode.js') },
    { id: 4, callFrame: frame('(idle)') },
  ],
  startTime: 1_000_000,
  samples: [3, 2, 3, 4, 3, 3],
  timeDeltas: [1_000, 1_000, 1_000, 1_000, 1_000, 1_000],
}

test('only the samples of the window count, and idle ones do not', () => {
  const { busyUs, packages } = sharesOfWindow(profile, 1_002_000, 1_005_000)
  expect(busyUs).toBe(3_000)
  expect(packages).toEqual([
    { name: '@whiskeysockets/baileys', part: 2 / 3 },
    { name: 'src/whatsapp', part: 1 / 3 },
  ])
})

test('time is given to the function itself, and once to each that has called it', () => {
  const { self, inclusive } = sharesOfWindow(profile, 1_002_000, 1_005_000)
  const send = 'send src/whatsapp/send.ts:1'
  const encode = 'encode @whiskeysockets/baileys/lib/encode.js:1'
  expect(self).toEqual([
    { name: encode, part: 2 / 3 },
    { name: send, part: 1 / 3 },
  ])
  expect(inclusive).toEqual([
    { name: send, part: 1 },
    { name: encode, part: 2 / 3 },
  ])
})
