/** How an endpoint may be set up: checked here, whoever asks. What is wrong is told as `invalid_webhook`. */
import { deviceIdPattern, deviceIdRule } from './device.ts'
import { GatewayError } from './errors.ts'
import { eventTypes } from './event-types.ts'
import { formatJid, normalizeJid, parseRecipient } from './jid.ts'
import {
  mediaWays,
  payloadFormats,
  type Endpoint,
  type EndpointFilter,
  type MediaWay,
  type PayloadFormat,
} from './webhook.ts'

export const endpointsMax = 1_000
export const urlCharsMax = 2_048
export const descriptionCharsMax = 500
export const eventPatternsMax = 100
export const filterDevicesMax = 1_000
/** Of `chats` and of `notChats` each. */
export const filterChatsMax = 1_000
export const headersMax = 20
/** Of all names and values together: servers refuse requests with more than some 8 to 16 KB of headers. */
export const headersCharsMax = 4_096
export const concurrencyMax = 64
export const concurrencyDefault = 10
export const secretPrefix = 'whsec_'
export const secretBytesMin = 24
export const secretBytesMax = 64
/** Of one that is made here. */
export const secretBytesNew = 32

/** What a request may say of an endpoint; what it leaves out stays, or is the default. */
export interface EndpointSettings {
  readonly url?: string
  /** Null takes a limit away, here and in the next four. */
  readonly events?: readonly string[] | null
  readonly devices?: readonly string[] | null
  readonly chats?: readonly string[] | null
  readonly notChats?: readonly string[] | null
  /** All that there are to be. A null as value leaves one as it is: nobody outside can read it to give it again. */
  readonly headers?: Readonly<Record<string, string | null>> | null
  readonly ownMessages?: boolean
  readonly format?: PayloadFormat
  readonly media?: MediaWay
  readonly ordered?: boolean
  readonly concurrency?: number
  readonly description?: string | null
}

const shownCharsMax = 64

const refuse = (detail: string): never => {
  throw new GatewayError('invalid_webhook', detail)
}

const quoted = (text: string): string =>
  JSON.stringify((text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text).toWellFormed())

const checkUrl = (text: string): string => {
  if (/[\s\p{Cc}]/u.test(text)) refuse('url: must not contain spaces or control characters')
  if (!URL.canParse(text) || !/^https?:\/\//i.test(text)) {
    refuse('url: must be an http:// or https:// URL, such as https://example.com/whatsapp')
  }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    refuse('url: must not contain a user or a password; give them as the header Authorization')
  }
  if (url.hash !== '') refuse('url: must not contain a #fragment: it would not be sent')
  if (url.href.length > urlCharsMax) refuse(`url: must not be longer than ${urlCharsMax} characters`)
  return url.href
}

const checkList = (
  name: string,
  given: readonly string[],
  max: number,
  check: (text: string) => string,
): readonly string[] => {
  if (given.length > max) refuse(`${name}: must not be more than ${max}`)
  return [...new Set(given.map(check))]
}

/** An empty list would let nothing pass, which nobody means. */
const checkLimit = (
  name: string,
  given: readonly string[] | null,
  max: number,
  check: (text: string) => string,
): readonly string[] | null => {
  if (given === null) return null
  if (given.length === 0) refuse(`${name}: must name at least one; without it, or with null, all count`)
  return checkList(name, given, max, check)
}

/** Such as `message.*`. */
const wholeNouns: readonly string[] = [
  ...new Set(eventTypes.map((type) => `${type.slice(0, type.indexOf('.'))}.*`)),
]
const knownPatterns: ReadonlySet<string> = new Set([...eventTypes, ...wholeNouns])

const checkEvent = (pattern: string): string =>
  knownPatterns.has(pattern)
    ? pattern
    : refuse(
        `events: ${quoted(pattern)} is no type of event; there are ${eventTypes.join(', ')}, and all of a noun as ${wholeNouns.join(', ')}`,
      )

const checkDevice = (id: string): string =>
  deviceIdPattern.test(id) ? id : refuse(`devices: ${quoted(id)} cannot be; ${deviceIdRule}`)

const chatKinds: readonly string[] = ['*@s.whatsapp.net', '*@lid', '*@g.us', '*@newsletter', '*@broadcast']

const checkChat =
  (name: string) =>
  (text: string): string => {
    if (chatKinds.includes(text)) return text
    const recipient = parseRecipient(text)
    return (
      (recipient === undefined ? normalizeJid(text) : formatJid(recipient)) ??
      refuse(
        `${name}: ${quoted(text)} is no chat; it must be a JID, a full international phone number, or one of ${chatKinds.join(', ')}`,
      )
    )
  }

/** RFC 9110: a token, and visible ASCII with blanks between. */
const headerName = /^[\w!#$%&'*+.^`|~-]+$/
const headerValue = /^[\u0021-\u007e](?:[\t\u0020-\u007e]*[\u0021-\u007e])?$/
/** What the gateway or the connection says itself. */
const ownHeaders: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])

const checkHeaders = (
  before: Endpoint['headers'],
  given: Readonly<Record<string, string | null>>,
): Endpoint['headers'] => {
  const kept = new Map(Object.entries(before).map(([name, value]) => [name.toLowerCase(), value]))
  const names = Object.keys(given)
  if (names.length > headersMax) refuse(`headers: must not be more than ${headersMax}`)
  if (new Set(names.map((name) => name.toLowerCase())).size < names.length) {
    refuse('headers: one is there twice; upper and lower case make no difference')
  }
  const headers = Object.entries(given).map(([name, value]): [string, string] => {
    const lower = name.toLowerCase()
    if (!headerName.test(name)) refuse(`headers: ${quoted(name)} is no name of a header`)
    if (lower.startsWith('webhook-') || ownHeaders.has(lower)) {
      refuse(`headers: ${quoted(name)} is set by the gateway`)
    }
    if (value === null) {
      return [name, kept.get(lower) ?? refuse(`headers: ${quoted(name)} has no value yet to keep`)]
    }
    if (!headerValue.test(value)) {
      refuse(`headers: the value of ${quoted(name)} must be ASCII, without blanks at its ends`)
    }
    return [name, value]
  })
  const chars = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  if (chars > headersCharsMax)
    refuse(`headers: must not have more than ${headersCharsMax} characters together`)
  return Object.fromEntries(headers)
}

const checkDescription = (text: string): string => {
  if (text.length > descriptionCharsMax) {
    refuse(`description: must not be longer than ${descriptionCharsMax} characters`)
  }
  if (text.includes('\0') || !text.isWellFormed()) refuse('description: must be well-formed Unicode')
  return text
}

const checkConcurrency = (count: number): number =>
  Number.isInteger(count) && count >= 1 && count <= concurrencyMax
    ? count
    : refuse(`concurrency: must be a whole number from 1 to ${concurrencyMax}`)

const checkWord = <Word extends string>(name: string, word: Word, words: readonly Word[]): Word =>
  words.includes(word) ? word : refuse(`${name}: must be ${words.join(' or ')}`)

const base64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

/** A secret that a caller has chosen. */
export const checkSecret = (secret: string): string => {
  const text = secret.slice(secretPrefix.length)
  const bytes = (text.length / 4) * 3 - (text.match(/=*$/)?.[0].length ?? 0)
  return secret.startsWith(secretPrefix) &&
    base64.test(text) &&
    bytes >= secretBytesMin &&
    bytes <= secretBytesMax
    ? secret
    : refuse(
        `secret: must be ${secretPrefix} and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes; without it one is made`,
      )
}

const filterOf = (before: EndpointFilter, given: EndpointSettings): EndpointFilter => {
  const { events, devices, chats, notChats, ownMessages } = given
  return {
    events: events === undefined ? before.events : checkLimit('events', events, eventPatternsMax, checkEvent),
    devices:
      devices === undefined ? before.devices : checkLimit('devices', devices, filterDevicesMax, checkDevice),
    chats:
      chats === undefined ? before.chats : checkLimit('chats', chats, filterChatsMax, checkChat('chats')),
    notChats:
      notChats === undefined
        ? before.notChats
        : checkList('notChats', notChats ?? [], filterChatsMax, checkChat('notChats')),
    ownMessages: ownMessages ?? before.ownMessages,
  }
}

/** An endpoint with other settings. */
export const changeEndpoint = (before: Endpoint, given: EndpointSettings, now: number): Endpoint => {
  const { url, headers, format, media, concurrency, description } = given
  const after: Endpoint = {
    ...before,
    url: url === undefined ? before.url : checkUrl(url),
    description:
      description === undefined
        ? before.description
        : description === null
          ? null
          : checkDescription(description),
    filter: filterOf(before.filter, given),
    headers: headers === undefined ? before.headers : checkHeaders(before.headers, headers ?? {}),
    format: format === undefined ? before.format : checkWord('format', format, payloadFormats),
    media: media === undefined ? before.media : checkWord('media', media, mediaWays),
    ordered: given.ordered ?? before.ordered,
    concurrency: concurrency === undefined ? before.concurrency : checkConcurrency(concurrency),
    updatedAt: now,
  }
  const { events } = after.filter
  const hasReceived = events === null || events.includes('message.received') || events.includes('message.*')
  if (after.format === 'plain' && !hasReceived) {
    refuse('events: the format plain has message.received alone; name it, or leave events out')
  }
  return after
}

/** A new endpoint that gets all that nothing in its settings keeps from it. */
export const newEndpoint = (
  { url, ...given }: EndpointSettings & { readonly url: string },
  { id, secret, now }: { readonly id: string; readonly secret: string; readonly now: number },
): Endpoint =>
  changeEndpoint(
    {
      id,
      url: '',
      description: null,
      state: 'active',
      disabledReason: null,
      disabledSeq: null,
      secret: checkSecret(secret),
      previousSecret: null,
      previousSecretUntil: null,
      filter: { events: null, devices: null, chats: null, notChats: [], ownMessages: true },
      headers: {},
      format: 'event',
      media: 'link',
      ordered: false,
      concurrency: concurrencyDefault,
      failures: 0,
      failingSince: null,
      notBefore: null,
      recoveredAt: null,
      createdAt: now,
      updatedAt: now,
    },
    { url, ...given },
    now,
  )
