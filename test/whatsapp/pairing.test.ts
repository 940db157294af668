import { describe, expect, test } from 'vitest'
import { createQrShow } from '../../src/whatsapp/pairing.ts'

const qr = (ref: string, secret: string): string =>
  `https://wa.me/settings/linked_devices#${ref},noise==,identity/+=,${secret},1`

const showing = (qrTimeoutMs?: number) => {
  const state = { secret: 'old', mono: 1_000 }
  const shown: [string, number][] = []
  const show = createQrShow(
    () => state.secret,
    qrTimeoutMs,
    () => state.mono,
    (text, ttlMs) => shown.push([text, ttlMs]),
  )
  return { state, shown, show }
}

describe('a QR', () => {
  test('shows the secret of now, and all else as Baileys made it', () => {
    const { state, shown, show } = showing()
    state.secret = 'new='
    show.fromBaileys(qr('ref1', 'old'))
    expect(shown).toEqual([[qr('ref1', 'new='), 60_000]])
  })

  test('in the form of before, without an address, gets the secret too', () => {
    const { state, shown, show } = showing()
    state.secret = 'new'
    show.fromBaileys('ref1,noise,identity,old')
    expect(shown[0]?.[0]).toBe('ref1,noise,identity,new')
  })

  test('lives a minute when it is the first, then 20 seconds', () => {
    const { shown, show } = showing()
    for (const ref of ['1', '2', '3']) show.fromBaileys(qr(ref, 'old'))
    expect(shown.map(([, ttlMs]) => ttlMs)).toEqual([60_000, 20_000, 20_000])
  })

  test('lives as long as the configuration says', () => {
    const { shown, show } = showing(5_000)
    for (const ref of ['1', '2']) show.fromBaileys(qr(ref, 'old'))
    expect(shown.map(([, ttlMs]) => ttlMs)).toEqual([5_000, 5_000])
  })

  test('shown again has the same ref, the new secret, and the time that is left', () => {
    const { state, shown, show } = showing()
    show.fromBaileys(qr('ref1', 'old'))
    state.secret = 'newer'
    state.mono += 45_000
    show.again()
    state.mono += 45_000
    show.again()
    expect(shown.slice(1)).toEqual([
      [qr('ref1', 'newer'), 15_000],
      [qr('ref1', 'newer'), 0],
    ])
  })

  test('is not shown again before there was one', () => {
    const { shown, show } = showing()
    show.again()
    expect(shown).toEqual([])
  })
})
