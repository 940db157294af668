import type { Random } from './backoff.ts'
import { GatewayError } from './errors.ts'

export interface Range {
  readonly minMs: number
  readonly maxMs: number
}

/** Hours in which nothing is sent: from and to are `HH:MM` of the time zone (IANA); to may be on the next day. */
export interface QuietHours {
  readonly from: string
  readonly to: string
  readonly timeZone: string
}

/** How fast a device may send. Null is no limit. A day is the last 24 hours. */
export interface PacingRules {
  readonly messagesPerMinute: number | null
  readonly messagesPerDay: number | null
  /** A new chat is a person whom nobody has written to or heard from here. */
  readonly newChatsPerDay: number | null
  /** Between two messages. */
  readonly gap: Range | null
  /** Between two new chats. */
  readonly newChatGap: Range | null
  readonly quietHours: QuietHours | null
}

export interface Pacing extends PacingRules {
  readonly preset: PacingPreset | 'own'
}

export type PacingPreset = 'careful' | 'new_number'

const secondMs = 1_000
const minuteMs = 60 * secondMs
const dayMs = 24 * 60 * minuteMs

/** The time in which sends count. */
export const pacingWindowMs = dayMs
export const gapMaxMs = 10 * minuteMs
export const messagesPerMinuteMax = 600
export const messagesPerDayMax = 100_000
export const newChatsPerDayMax = 10_000

const rangeOf = (minSeconds: number, maxSeconds: number): Range => ({
  minMs: minSeconds * secondMs,
  maxMs: maxSeconds * secondMs,
})

/** What suits an account that is in use, and one that was registered lately. WhatsApp publishes no numbers. */
export const pacingPresets: Readonly<Record<PacingPreset, PacingRules>> = {
  careful: {
    messagesPerMinute: 20,
    messagesPerDay: 1_000,
    newChatsPerDay: 50,
    gap: rangeOf(1, 4),
    newChatGap: rangeOf(20, 60),
    quietHours: null,
  },
  new_number: {
    messagesPerMinute: 6,
    messagesPerDay: 200,
    newChatsPerDay: 15,
    gap: rangeOf(4, 12),
    newChatGap: rangeOf(60, 240),
    quietHours: null,
  },
}

const noRules: PacingRules = {
  messagesPerMinute: null,
  messagesPerDay: null,
  newChatsPerDay: null,
  gap: null,
  newChatGap: null,
  quietHours: null,
}

const refuse = (detail: string): never => {
  throw new GatewayError('invalid_pacing', detail)
}

const timePattern = /^(?:[01]\d|2[0-3]):[0-5]\d$/

const checkQuietHours = ({ from, to, timeZone }: QuietHours): void => {
  if (!timePattern.test(from) || !timePattern.test(to))
    refuse('quietHours: from and to are times such as 22:00')
  if (from === to) refuse('quietHours: from and to must differ')
  try {
    minuteOfDay(0, timeZone)
  } catch {
    refuse(`quietHours: ${JSON.stringify(timeZone)} is no time zone; one is Europe/Berlin`)
  }
}

/** The pacing that a preset, changed by what is given beside it, comes to; null when it limits nothing. */
export const pacingOf = (
  preset: PacingPreset | 'off' | undefined,
  given: Partial<PacingRules>,
): Pacing | null => {
  const base = preset === undefined || preset === 'off' ? noRules : pacingPresets[preset]
  const rules: PacingRules = { ...base, ...given }
  for (const range of [rules.gap, rules.newChatGap]) {
    if (range !== null && range.minMs > range.maxMs) refuse('a gap: minMs must not be more than maxMs')
  }
  if (rules.quietHours !== null) checkQuietHours(rules.quietHours)
  const own = Object.keys(given).length > 0
  if (Object.values(rules).every((rule) => rule === null)) return null
  return { preset: own || preset === undefined || preset === 'off' ? 'own' : preset, ...rules }
}

/** What was sent lately, as far as the rules look at it. Times are wall-clock ms. */
export interface SendHistory {
  readonly last: { readonly at: number; readonly gapMs: number } | null
  readonly lastNewChat: { readonly at: number; readonly gapMs: number } | null
  /** When the newest but `messagesPerMinute - 1` was sent; null when there were not so many. Likewise the others. */
  readonly minuteLimitAt: number | null
  readonly dayLimitAt: number | null
  readonly newChatLimitAt: number | null
}

export const noHistory: SendHistory = {
  last: null,
  lastNewChat: null,
  minuteLimitAt: null,
  dayLimitAt: null,
  newChatLimitAt: null,
}

export type WaitReason =
  | 'quiet_hours'
  | 'gap'
  | 'messages_per_minute'
  | 'messages_per_day'
  | 'new_chat_gap'
  | 'new_chats_per_day'
  | 'restricted'

export interface Wait {
  readonly until: number
  readonly reason: WaitReason
}

/** Null: now. */
export interface Pace {
  readonly any: Wait | null
  readonly newChats: Wait | null
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** The minute of the day that it is in a time zone. Throws RangeError for what is none. */
const minuteOfDay = (at: number, timeZone: string): number => {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  formats.set(timeZone, format)
  const [hour = '', minute = ''] = format.format(at).split(':')
  return Number(hour) * 60 + Number(minute)
}

const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
const minutesOfDay = 24 * 60
const minutesUntil = (from: number, to: number): number => (to - from + minutesOfDay) % minutesOfDay

const isQuiet = ({ from, to, timeZone }: QuietHours, at: number): boolean => {
  const start = minuteOf(from)
  return minutesUntil(start, minuteOfDay(at, timeZone)) < minutesUntil(start, minuteOf(to))
}

/** When the quiet hours end, if it is in them. Their last night may be an hour longer or shorter: the clocks change. */
const quietUntil = (hours: QuietHours, now: number): number | null => {
  if (!isQuiet(hours, now)) return null
  const startOfMinute = now - (now % minuteMs)
  const end = minuteOf(hours.to)
  const guess = startOfMinute + minutesUntil(minuteOfDay(now, hours.timeZone), end) * minuteMs
  const early = minutesUntil(minuteOfDay(guess, hours.timeZone), end)
  const corrected = guess + (early > minutesOfDay / 2 ? early - minutesOfDay : early) * minuteMs
  return corrected > now && !isQuiet(hours, corrected) ? corrected : Math.max(guess, now + minuteMs)
}

const later = (a: Wait | null, b: Wait | null): Wait | null =>
  a === null || (b !== null && b.until > a.until) ? b : a

/** A time that has passed is no wait, and so is one of before the clock was put back. */
const wait = (reason: WaitReason, from: number | null, ms: number, now: number): Wait | null =>
  from === null || from + ms <= now || from > now + ms ? null : { until: from + ms, reason }

/**
 * When the device may send its next message, and when its next one to somebody new. `restrictedUntil` is WhatsApp's own
 * word on new chats.
 */
export const pace = (
  rules: PacingRules | null,
  restrictedUntil: number | null,
  history: SendHistory,
  now: number,
): Pace => {
  const quiet = rules?.quietHours ? quietUntil(rules.quietHours, now) : null
  const any = [
    quiet === null ? null : { until: quiet, reason: 'quiet_hours' as const },
    wait('gap', history.last?.at ?? null, history.last?.gapMs ?? 0, now),
    wait('messages_per_minute', history.minuteLimitAt, minuteMs, now),
    wait('messages_per_day', history.dayLimitAt, dayMs, now),
  ].reduce(later, null)
  const newChats = [
    any,
    wait('new_chat_gap', history.lastNewChat?.at ?? null, history.lastNewChat?.gapMs ?? 0, now),
    wait('new_chats_per_day', history.newChatLimitAt, dayMs, now),
    restrictedUntil !== null && restrictedUntil > now
      ? { until: restrictedUntil, reason: 'restricted' as const }
      : null,
  ].reduce(later, null)
  return { any, newChats }
}

/** A gap by chance; none without a range. */
export const drawGap = (range: Range | null, random: Random): number =>
  range === null ? 0 : Math.round(range.minMs + (range.maxMs - range.minMs) * random())
