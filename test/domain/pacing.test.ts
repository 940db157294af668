import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  drawGap,
  gapMaxMs,
  noHistory,
  pace,
  pacingOf,
  pacingPresets,
  type PacingRules,
  type SendHistory,
} from '../../src/domain/pacing.ts'
import { t0 } from './fixtures.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const rules = pacingPresets.careful

describe('pacing', () => {
  it('is off without rules', () => {
    expect(pacingOf('off', {})).toBeNull()
    expect(pacingOf(undefined, {})).toBeNull()
    expect(pacingOf(undefined, { messagesPerDay: null })).toBeNull()
    expect(pace(null, null, noHistory, t0)).toEqual({ any: null, newChats: null })
  })

  it('is a preset, or one that was changed', () => {
    expect(pacingOf('careful', {})).toEqual({ preset: 'careful', ...pacingPresets.careful })
    expect(pacingOf('new_number', { messagesPerDay: 10 })).toEqual({
      preset: 'own',
      ...pacingPresets.new_number,
      messagesPerDay: 10,
    })
    expect(pacingOf(undefined, { messagesPerMinute: 5 })).toMatchObject({ preset: 'own', gap: null })
  })

  it.each([
    [{ gap: { minMs: 2, maxMs: 1 } }, /minMs/],
    [{ quietHours: { from: '24:00', to: '07:00', timeZone: 'UTC' } }, /such as 22:00/],
    [{ quietHours: { from: '07:00', to: '07:00', timeZone: 'UTC' } }, /differ/],
    [{ quietHours: { from: '22:00', to: '07:00', timeZone: 'Mars/Olympus' } }, /no time zone/],
  ])('refuses %o', (given, detail) => {
    expect(() => pacingOf(undefined, given)).toThrow(detail)
  })

  it.each<[string, Partial<SendHistory>, { any?: object; newChats?: object }]>([
    ['nothing was sent', {}, {}],
    [
      'the gap lasts',
      { last: { at: t0 - 1_000, gapMs: 3_000 } },
      { any: { until: t0 + 2_000, reason: 'gap' }, newChats: { until: t0 + 2_000, reason: 'gap' } },
    ],
    ['the gap is over', { last: { at: t0 - 3_000, gapMs: 3_000 } }, {}],
    [
      'the minute is full',
      { minuteLimitAt: t0 - 20_000 },
      {
        any: { until: t0 + 40_000, reason: 'messages_per_minute' },
        newChats: { until: t0 + 40_000, reason: 'messages_per_minute' },
      },
    ],
    ['the minute is not full', { minuteLimitAt: t0 - minute }, {}],
    [
      'the day is full, and the minute too',
      { minuteLimitAt: t0 - 20_000, dayLimitAt: t0 - hour },
      {
        any: { until: t0 + 23 * hour, reason: 'messages_per_day' },
        newChats: { until: t0 + 23 * hour, reason: 'messages_per_day' },
      },
    ],
    [
      'as many chats are new as may be',
      { newChatLimitAt: t0 - hour },
      { newChats: { until: t0 + 23 * hour, reason: 'new_chats_per_day' } },
    ],
    [
      'a chat was opened just now',
      { lastNewChat: { at: t0 - 5_000, gapMs: 30_000 } },
      { newChats: { until: t0 + 25_000, reason: 'new_chat_gap' } },
    ],
    ['the clock was put back by an hour since the last', { last: { at: t0 + hour, gapMs: 3_000 } }, {}],
  ])('when %s', (_, history, expected) => {
    expect(pace(rules, null, { ...noHistory, ...history }, t0)).toEqual({
      any: null,
      newChats: null,
      ...expected,
    })
  })

  it('a restriction holds back new chats alone, for as long as it lasts', () => {
    expect(pace(null, t0 + day, noHistory, t0)).toEqual({
      any: null,
      newChats: { until: t0 + day, reason: 'restricted' },
    })
    expect(pace(null, t0, noHistory, t0)).toEqual({ any: null, newChats: null })
  })

  const quiet = (from: string, to: string, timeZone: string): PacingRules => ({
    messagesPerMinute: null,
    messagesPerDay: null,
    newChatsPerDay: null,
    gap: null,
    newChatGap: null,
    quietHours: { from, to, timeZone },
  })
  it.each([
    ['22:00', '07:00', 'UTC', '2026-01-10T21:59:59Z', null],
    ['22:00', '07:00', 'UTC', '2026-01-10T22:00:00Z', '2026-01-11T07:00:00Z'],
    ['22:00', '07:00', 'UTC', '2026-01-11T06:59:30Z', '2026-01-11T07:00:00Z'],
    ['22:00', '07:00', 'UTC', '2026-01-11T07:00:00Z', null],
    ['12:00', '13:30', 'UTC', '2026-01-11T12:10:00Z', '2026-01-11T13:30:00Z'],
    ['22:00', '07:00', 'Europe/Berlin', '2026-07-10T20:00:00Z', '2026-07-11T05:00:00Z'],
    ['22:00', '07:00', 'Asia/Kolkata', '2026-01-10T16:30:00Z', '2026-01-11T01:30:00Z'],
    // The night in which the clocks go forward, and the one in which they go back.
    ['22:00', '07:00', 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T05:00:00Z'],
    ['22:00', '07:00', 'Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25T06:00:00Z'],
  ])('quiet from %s to %s in %s: at %s until %s', (from, to, timeZone, now, until) => {
    expect(pace(quiet(from, to, timeZone), null, noHistory, Date.parse(now)).any).toEqual(
      until === null ? null : { until: Date.parse(until), reason: 'quiet_hours' },
    )
  })

  it('whatever the hours, they end: at that time nothing is quiet, and just before it is', () => {
    const time = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu')
    fc.assert(
      fc.property(time, time, zone, fc.nat(365 * 24 * 60), (from, to, timeZone, minutes) => {
        fc.pre(from !== to)
        const now = Date.parse('2026-01-01T00:00:00Z') + minutes * minute
        const hours = quiet(from, to, timeZone)
        let at = now
        for (let steps = 0; steps < 90; steps++) {
          const wait = pace(hours, null, noHistory, at).any
          if (wait === null) break
          expect(wait.until).toBeGreaterThan(at)
          at = wait.until
        }
        expect(pace(hours, null, noHistory, at).any).toBeNull()
        expect(at - now).toBeLessThanOrEqual(26 * hour)
        if (at > now) expect(pace(hours, null, noHistory, at - 1).any).not.toBeNull()
      }),
    )
  })

  it('who waits as told sends no more than is allowed in any minute, and keeps the gaps', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(8_000),
        fc.array(fc.nat(20_000)),
        (perMinute, gapMs, pauses) => {
          const own: PacingRules = {
            ...quiet('00:00', '00:01', 'UTC'),
            quietHours: null,
            messagesPerMinute: perMinute,
          }
          const sent: number[] = []
          let now = t0
          for (const pause of pauses) {
            now += pause
            for (let steps = 0; steps < 4; steps++) {
              const last = sent.at(-1)
              const history = {
                ...noHistory,
                last: last === undefined ? null : { at: last, gapMs },
                minuteLimitAt: sent.at(-perMinute) ?? null,
              }
              const wait = pace(own, null, history, now).any
              if (wait === null) break
              now = wait.until
            }
            sent.push(now)
          }
          for (const [index, at] of sent.entries()) {
            expect(sent.filter((other) => other > at - minute && other <= at).length).toBeLessThanOrEqual(
              perMinute,
            )
            if (index > 0) expect(at - (sent[index - 1] ?? 0)).toBeGreaterThanOrEqual(gapMs)
          }
        },
      ),
    )
  })

  it('a gap lies in its range', () => {
    expect(drawGap(null, () => 0.5)).toBe(0)
    expect(drawGap({ minMs: 10, maxMs: gapMaxMs }, () => 0)).toBe(10)
    expect(drawGap({ minMs: 10, maxMs: 20 }, () => 0.999)).toBe(20)
  })
})
