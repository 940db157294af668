/**
 * Traffic over a World, in both directions, of which every message can be told from every other: what a chaos scenario
 * disturbs, and what `invariants.ts` looks at afterwards.
 */
import { withDeadline } from '../../src/runtime/deadline.ts'
import type { World } from '../flows/world.ts'

export interface LoadSettings {
  readonly devices: number
  /** Each device writes to so many phones all the time, and each of them writes to the device. */
  readonly friends: number
  readonly sendsPerSecond: number
  readonly inboundPerSecond: number
  /**
   * Phones more that only read, and are off nearly all the time. What was sent to one of them before a crash is sent again
   * after it: no receipt has come to prove that it arrived.
   */
  readonly sleepers?: number
}

export interface LoadDevice {
  readonly id: string
  /** The number of the phone that it is linked to. */
  readonly number: string
}

/** A message that was given to the API until it was answered. */
export interface Outgoing {
  readonly device: LoadDevice
  readonly friend: string
  /** In its chat, from 1, in the order of acceptance: a chat's next message is sent when the one before is answered. */
  readonly serial: number
  readonly text: string
  readonly key: string
  /** What the API called it: one id, or the key has given two messages. */
  readonly ids: Set<string>
  accepted: boolean
  attempts: number
}

/** A message that a phone has written to a device. */
export interface Incoming {
  readonly device: LoadDevice
  readonly friend: string
  readonly serial: number
  readonly text: string
  readonly id: string
}

export interface Load {
  readonly settings: LoadSettings
  readonly devices: readonly LoadDevice[]
  readonly friends: readonly string[]
  readonly sent: readonly Outgoing[]
  readonly received: readonly Incoming[]
  /** Answers that were none: no connection, time over, or an error of the server. The request was made again. */
  readonly failures: ReadonlyMap<string, number>
  /** Requests that were refused for good, with the answer: there should be none. */
  readonly refused: readonly string[]
  /** Begins, or goes on after a stop. */
  start(): void
  /**
   * A phone that nobody has met: it and each device write to the other at the same time, by both of their addresses, a
   * few times. Only while it runs; resolves when the phone is there.
   */
  meetStranger(): Promise<void>
  /** Writes nothing new; resolves when all that was begun has been answered, and rejects when that takes too long. */
  stop(limitMs?: number): Promise<void>
  /**
   * Stops, and waits until all has arrived on both sides, for as long as it goes on arriving. What has not by then is
   * for the invariants to tell.
   */
  drain(stallMs?: number): Promise<void>
}

export const fullLoad: LoadSettings = {
  devices: 5,
  friends: 3,
  sendsPerSecond: 50,
  inboundPerSecond: 50,
  sleepers: 2,
}
export const shortLoad: LoadSettings = {
  devices: 2,
  friends: 2,
  sendsPerSecond: 12,
  inboundPerSecond: 12,
  sleepers: 1,
}

/** Messages of a stranger and each device, either way. */
const strangerMessages = 3

const answerLimitMs = 20_000
const retryMs = 100
const stopLimitMs = 60_000
const drainStallMs = 60_000
const drainPollMs = 200
const asleepMs = 4_000
const awakeMs = 200

const deviceNumber = (index: number): string => `155507${String(index).padStart(4, '0')}`
const friendNumber = (index: number): string => `155508${String(index).padStart(4, '0')}`
const sleeperNumber = (index: number): string => `155509${String(index).padStart(4, '0')}`

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** Messages that have not got where they belong. Cheap enough to be asked while one waits for them. */
const underway = async (world: World, load: Load): Promise<number> => {
  const [row] = world.query<{ open: number; inbound: number }>(
    `select (select count(*) from outbox where state in ('queued', 'sending')) as open,
       (select count(*) from messages where direction = 'inbound') as inbound`,
  )
  const waiting = await Promise.all(load.devices.map(({ number }) => waitingFor(world, number)))
  const missing = Math.max(0, load.received.length - (row?.inbound ?? 0))
  return (row?.open ?? 0) + missing + waiting.reduce((sum, count) => sum + count, 0)
}

/** Stanzas that the server keeps for the devices of an account because they were not confirmed. */
export const waitingFor = async (world: World, number: string): Promise<number> => {
  const { body } = await world.phone('GET', `/phones/${number}`)
  const companions = body['companions'] as unknown as readonly { readonly waiting: number }[]
  return companions.reduce((sum, { waiting }) => sum + waiting, 0)
}

/** Links the devices; nothing is written before `start`. */
export const createLoad = async (world: World, settings: LoadSettings): Promise<Load> => {
  const devices = Array.from({ length: settings.devices }, (_, index) => ({
    id: `dev${index}`,
    number: deviceNumber(index),
  }))
  const friends = Array.from({ length: settings.friends }, (_, index) => friendNumber(index))
  const sleepers = Array.from({ length: settings.sleepers ?? 0 }, (_, index) => sleeperNumber(index))
  for (const phone of [...friends, ...sleepers]) await world.createPhone(phone)
  for (const { id, number } of devices) await world.link(id, number)

  const sent: Outgoing[] = []
  const received: Incoming[] = []
  const failures = new Map<string, number>()
  const refused: string[] = []
  const chatsOf = (friend: string) =>
    devices.map((device) => ({ device, friend, name: `${device.id}-${friend.slice(-5)}`, out: 0, in: 0 }))
  const chats = friends.flatMap(chatsOf)
  const sleepersChats = sleepers.flatMap(chatsOf)
  type Chat = (typeof chats)[number]
  let running: { over: boolean; readonly work: Promise<void>[] } | undefined

  const failed = (why: string): void => {
    failures.set(why, (failures.get(why) ?? 0) + 1)
  }

  /** One request; true when it needs no other. */
  const attempt = async (message: Outgoing): Promise<boolean> => {
    message.attempts += 1
    let response: Response
    let text: string
    try {
      response = await fetch(`${world.apiUrl}/api/devices/${message.device.id}/send`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': message.key,
          prefer: 'respond-async',
        },
        body: JSON.stringify({ to: message.friend, message: message.text }),
        signal: AbortSignal.timeout(answerLimitMs),
      })
      text = await response.text()
    } catch (error) {
      failed(error instanceof Error && error.name === 'TimeoutError' ? 'no answer' : 'no connection')
      return false
    }
    if (response.ok) {
      const { id } = JSON.parse(text) as { readonly id: string }
      message.ids.add(id)
      message.accepted = true
      return true
    }
    if (response.status >= 500 || response.status === 429) {
      failed(`HTTP ${response.status}`)
      return false
    }
    refused.push(`${message.text}: ${text}`)
    return true
  }

  const send = async (chat: Chat): Promise<void> => {
    chat.out += 1
    const text = `out ${chat.name} ${chat.out}`
    const message: Outgoing = {
      device: chat.device,
      friend: chat.friend,
      serial: chat.out,
      text,
      key: text.replaceAll(' ', '-'),
      ids: new Set(),
      accepted: false,
      attempts: 0,
    }
    sent.push(message)
    while (!(await attempt(message))) await sleep(retryMs)
  }

  const write = async (chat: Chat, addressing: 'lid' | 'pn' = 'lid'): Promise<void> => {
    chat.in += 1
    const text = `in ${chat.name} ${chat.in}`
    const { status, body } = await world.phone('POST', `/phones/${chat.friend}/messages`, {
      to: chat.device.number,
      text,
      addressing,
    })
    if (status !== 201) throw new Error(`${text}: ${JSON.stringify(body)}`)
    received.push({
      device: chat.device,
      friend: chat.friend,
      serial: chat.in,
      text,
      id: String(body['id']),
    })
  }

  /** Keeps to the clock: what it was kept from doing it makes up for, one after the other. */
  const keepUp = async (
    run: { readonly over: boolean },
    perSecond: number,
    phase: number,
    once: () => Promise<void>,
  ): Promise<void> => {
    if (perSecond <= 0) return
    const everyMs = 1_000 / perSecond
    for (let at = performance.now() + everyMs * phase; ; at += everyMs) {
      // In steps: it must see that the run is over.
      while (!run.over && performance.now() < at)
        await sleep(Math.max(1, Math.min(100, at - performance.now())))
      if (run.over) return
      await once()
    }
  }

  const power = async (on: boolean): Promise<void> => {
    for (const sleeper of sleepers) await world.phone('POST', `/phones/${sleeper}/power`, { on })
  }
  const sleepOnAndOff = async (run: { readonly over: boolean }): Promise<void> => {
    while (!run.over) {
      await power(false)
      for (let left = asleepMs; left > 0 && !run.over; left -= awakeMs) await sleep(awakeMs)
      await power(true)
      await sleep(awakeMs)
    }
  }

  const load: Load = {
    settings,
    devices,
    get friends() {
      return [...friends, ...sleepers]
    },
    sent,
    received,
    failures,
    refused,
    start() {
      if (running !== undefined) return
      const run = { over: false, work: [] as Promise<void>[] }
      for (const [index, chat] of chats.entries()) {
        const phase = index / chats.length
        run.work.push(
          keepUp(run, settings.sendsPerSecond / chats.length, phase, () => send(chat)),
          keepUp(run, settings.inboundPerSecond / chats.length, phase, () => write(chat)),
        )
      }
      for (const [index, chat] of sleepersChats.entries()) {
        const phase = index / sleepersChats.length
        run.work.push(keepUp(run, settings.sendsPerSecond / chats.length, phase, () => send(chat)))
      }
      if (sleepers.length > 0) run.work.push(sleepOnAndOff(run))
      // What fails is told by stop.
      for (const work of run.work) work.catch(() => undefined)
      running = run
    },
    async meetStranger() {
      const run = running
      if (run === undefined) return
      const stranger = friendNumber(friends.length)
      await world.createPhone(stranger)
      friends.push(stranger)
      for (const chat of chatsOf(stranger)) {
        const rounds = Array.from({ length: strangerMessages }, (_, index) => index)
        const outbound = async (): Promise<void> => {
          for (const _ of rounds) await send(chat)
        }
        const inbound = async (): Promise<void> => {
          for (const round of rounds) await write(chat, round % 2 === 0 ? 'pn' : 'lid')
        }
        run.work.push(outbound(), inbound())
      }
      for (const work of run.work) work.catch(() => undefined)
    },
    async stop(limitMs = stopLimitMs) {
      const run = running
      if (run === undefined) return
      run.over = true
      await withDeadline(Promise.all(run.work), limitMs, 'an answer to all that was begun')
      running = undefined
    },
    async drain(stallMs = drainStallMs) {
      // What is not answered or has not arrived by then, the invariants name.
      await load.stop().catch(() => undefined)
      let fewest = Number.POSITIVE_INFINITY
      let progressAt = performance.now()
      while (fewest > 0 && performance.now() - progressAt < stallMs) {
        await sleep(drainPollMs)
        const left = await underway(world, load)
        if (left >= fewest) continue
        fewest = left
        progressAt = performance.now()
      }
      // What phones have got by now they have also shown.
      await world.stats()
    },
  }
  return load
}
