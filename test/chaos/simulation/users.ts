/**
 * People: they start devices, scan what is shown, write messages and repeat a request until it is answered, stop,
 * restart and remove devices, and unlink them on the phone. They know only what the gateway answered.
 */
import { removeDevice } from '../../../src/control/remove-device.ts'
import { restartDevice } from '../../../src/control/restart-device.ts'
import { sendMessage } from '../../../src/control/send-message.ts'
import { startDevice } from '../../../src/control/start-device.ts'
import { stopDevice } from '../../../src/control/stop-device.ts'
import type { ControlContext } from '../../../src/control/context.ts'
import type { Account } from '../../../src/domain/device.ts'
import { GatewayError } from '../../../src/domain/errors.ts'
import type { Store } from '../../../src/store/store.ts'
import type { Frame } from './frame.ts'
import type { Gateway } from './gateway.ts'
import { contactsOf, type Server } from './server.ts'

/** What somebody holds a 2xx answer for. */
export interface Accepted {
  readonly messageId: string
  readonly deviceId: string
  readonly text: string
}

export interface Users {
  readonly accepted: readonly Accepted[]
  /** Texts that were refused for good: nobody may ever see them. */
  readonly refused: ReadonlySet<string>
  /** Requests without an answer. */
  readonly waiting: number
  /** Everybody wants their devices to run, and repairs what is asked of a person. */
  settle(): void
  readonly deviceIds: readonly string[]
}

type Answer =
  | { readonly kind: 'ok'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: string }
  /** An error of the gateway's, or the connection broke. */
  | { readonly kind: 'failed'; readonly detail: string }

const deviceIds = ['ada', 'bob', 'cleo']
const netMaxMs = 5
const lookMs = 700
const retryMs = 900
const messagesPerDevice = 14

export interface UsersOptions {
  readonly frame: Frame
  readonly gateway: Gateway
  readonly server: Server
  /** What is shown to them: the database as it is. */
  readonly store: Store
  /** How long they make trouble, in simulated ms. */
  readonly busyMs: number
}

export const createUsers = ({ frame, gateway, server, store, busyMs }: UsersOptions): Users => {
  const { loop, outside } = frame
  const luck = frame.random.fork('users')
  const accepted: Accepted[] = []
  const refused = new Set<string>()
  const after = (ms: number, work: () => void): void => loop.after(outside, ms, work)
  let waiting = 0
  let accounts = 0
  let settling = false
  let keys = 0
  let texts = 0

  /** One request to any of the APIs; the answer comes to the person, also when the process dies. */
  const request = (
    verb: (context: ControlContext) => Promise<unknown>,
    answered: (answer: Answer) => void,
  ): void => {
    const { party, context, calls } = luck.pick(gateway.apis)
    let over = false
    const answer = (given: Answer): void => {
      if (over) return
      over = true
      calls.delete(reset)
      after(luck.next() * netMaxMs, () => answered(given))
    }
    const reset = (): void => answer({ kind: 'failed', detail: 'ECONNRESET' })
    calls.add(reset)
    const call = async (): Promise<void> => {
      try {
        const value = await verb(context)
        loop.as(outside, () => answer({ kind: 'ok', value }))
      } catch (error) {
        const refusal: Answer =
          error instanceof GatewayError
            ? { kind: 'refused', code: error.code }
            : {
                kind: 'failed',
                detail: error instanceof Error ? `${error.name} ${error.message}` : String(error),
              }
        loop.as(outside, () => answer(refusal))
      }
    }
    loop.after(party, luck.next() * netMaxMs, () => void call())
  }

  /** Repeats until there is an answer; without a key one must not. */
  const insist = (
    verb: (context: ControlContext) => Promise<unknown>,
    answered: (answer: Answer) => void,
  ): void => {
    request(verb, (answer) => {
      if (answer.kind === 'failed') after(retryMs, () => insist(verb, answered))
      else answered(answer)
    })
  }

  const send = (deviceId: string): void => {
    const text = `text ${++texts}`
    const to = luck.pick(contactsOf())
    const withKey = luck.next() < 0.7
    const input = {
      deviceId,
      to,
      text,
      respondAsync: luck.next() < 0.5,
      ...(withKey ? { idempotencyKey: `key-${++keys}` } : {}),
    }
    const verb = (context: ControlContext): Promise<unknown> => sendMessage(context, input)
    waiting += 1
    const answered = (answer: Answer): void => {
      waiting -= 1
      if (answer.kind === 'ok') {
        const { message } = answer.value as { message: { id: string } }
        accepted.push({ messageId: message.id, deviceId, text })
        frame.count('messages accepted')
        // A person who is not sure asks again with the same key.
        if (withKey && luck.next() < 0.2) again(verb, message.id)
      } else if (answer.kind === 'refused') refused.add(text)
      else if (!/ECONNRESET/.test(answer.detail)) refused.add(text)
    }
    if (withKey) insist(verb, answered)
    else request(verb, answered)
  }
  const again = (verb: (context: ControlContext) => Promise<unknown>, id: string): void => {
    waiting += 1
    insist(verb, (answer) => {
      waiting -= 1
      const same = answer.kind === 'ok' && (answer.value as { message: { id: string } }).message.id === id
      if (!same) frame.violate(`a repeat of the request of ${id} was answered with ${JSON.stringify(answer)}`)
      frame.count('requests repeated')
    })
  }

  const ask = (verb: (context: ControlContext) => Promise<unknown>): void => {
    waiting += 1
    insist(verb, () => {
      waiting -= 1
    })
  }
  const device = (id: string) => ({
    start: () => ask((context) => startDevice(context, { id })),
    stop: () => ask((context) => stopDevice(context, { id })),
    restart: () => ask((context) => restartDevice(context, { id })),
    remove: () => ask((context) => removeDevice(context, { id })),
  })

  const accountOf = (): Account => {
    accounts += 1
    return { pn: `49151000000${accounts}@s.whatsapp.net`, lid: `99000${accounts}@lid`, pushName: null }
  }
  /** The account that a device is linked with: mostly the same again. */
  const owners = new Map<string, Account>()
  const ownerOf = (id: string): Account => {
    const known = owners.get(id)
    const account = known !== undefined && luck.next() < 0.8 ? known : accountOf()
    owners.set(id, account)
    return account
  }

  const lookAt = async (id: string): Promise<void> => {
    const view = await store.devices.get(id)
    const row = view?.device
    if (row?.qr !== null && row?.qr !== undefined) server.scan(row.qr.text, ownerOf(id))
    const asleep = row === undefined || row.status === 'disconnected'
    if (asleep && (settling || luck.next() < 0.2)) device(id).start()
  }
  const look = (id: string): void => {
    void lookAt(id)
    after(lookMs * (0.5 + luck.next()), () => look(id))
  }

  const live = (id: string): void => {
    device(id).start()
    for (let count = 0; count < messagesPerDevice; count++) {
      // In spurts: messages to one chat must wait for each other.
      const at = luck.next() * busyMs
      after(at, () => send(id))
      if (luck.next() < 0.5) after(at + luck.next() * 50, () => send(id))
      after(luck.next() * busyMs, () => {
        const link = [...server.links.values()].findLast(
          (candidate) => candidate.deviceId === id && candidate.active,
        )
        if (link !== undefined) server.sendIn(link, `inbound ${luck.between(1, 1_000_000)}`)
      })
    }
    const trouble = luck.between(0, 3)
    for (let count = 0; count < trouble; count++) {
      after(luck.next() * busyMs, () => {
        const kind = luck.pick(['stop', 'restart', 'restart', 'remove', 'unlink'] as const)
        frame.note('people', `${kind} ${id}`)
        if (kind !== 'unlink') return device(id)[kind]()
        const link = [...server.links.values()].find(
          (candidate) => candidate.deviceId === id && candidate.active,
        )
        if (link !== undefined) server.unlinkByPhone(link, 401)
      })
    }
    look(id)
  }
  for (const id of deviceIds) after(luck.next() * 2_000, () => live(id))

  return {
    accepted,
    refused,
    get waiting() {
      return waiting
    },
    settle() {
      settling = true
    },
    deviceIds,
  }
}
