/**
 * The real connector over ports that are decorated: at one point, when that is passed for the nth time, the process kills
 * itself. `FAILPOINT=name:n` in the environment says which; without it, it is the connector as it is.
 */
import { writeSync } from 'node:fs'
import type { WebSocketClient as Client } from '@whiskeysockets/baileys/lib/Socket/Client/websocket.js'
import { WebSocket } from 'ws'
import { startConnectorService } from '../../src/commands/connector.ts'
import { openData } from '../../src/commands/open-data.ts'
import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import type { Store } from '../../src/store/store.ts'
import { isFailpoint, type Failpoint } from './failpoint.ts'

const [name = '', passes = '0'] = (process.env['FAILPOINT'] ?? '').split(':')
const armed: Failpoint | undefined = isFailpoint(name) ? name : undefined
let left = Number(passes)

const reach = (point: Failpoint): void => {
  if (point !== armed) return
  left -= 1
  if (left !== 0) return
  writeSync(1, `${JSON.stringify({ process: 'connector', pid: process.pid, failpoint: point })}\n`)
  process.kill(process.pid, 'SIGKILL')
}

const around = async <T>(before: Failpoint, work: () => Promise<T>, after: Failpoint): Promise<T> => {
  reach(before)
  const done = await work()
  reach(after)
  return done
}

const decorated = (store: Store): Store => {
  const { outbox, auth, inbound, messages } = store
  return {
    ...store,
    outbox: {
      ...outbox,
      claim: async (...given) => {
        const claimed = await outbox.claim(...given)
        if (claimed.length > 0) reach('claim')
        return claimed
      },
      record: (...given) =>
        given[2].state === 'sent'
          ? around('ack', () => outbox.record(...given), 'record')
          : outbox.record(...given),
    },
    auth: {
      ...auth,
      commit: (...given) => {
        const [, , changes, journal] = given
        const commit = (): Promise<void> => auth.commit(...given)
        if (journal !== null) return around('decrypt', commit, 'journal')
        return 'session' in changes ? around('encrypt', commit, 'commit') : commit()
      },
    },
    inbound: {
      ...inbound,
      promote: async (...given) => {
        // Else most would be stored before Baileys comes to write their receipt.
        if (armed === 'receipt') return new Promise<never>(() => undefined)
        return around('promote', () => inbound.promote(...given), 'promoted')
      },
    },
    messages: {
      ...messages,
      recordReceipt: (...given) => around('delivery', () => messages.recordReceipt(...given), 'delivered'),
    },
  }
}

/**
 * Which of Baileys' functions sends this frame. They are still on the stack: from `sendNode` to the client's `send` it
 * waits for nothing.
 */
const writerOf = (stack: string): Failpoint | undefined => {
  if (!stack.includes('sendNode') || stack.includes('at query ')) return undefined
  if (stack.includes('at sendReceipt ')) return 'receipt'
  return /messages-send\.js/.test(stack) ? 'wire' : undefined
}

if (armed === 'wire' || armed === 'receipt') {
  Error.stackTraceLimit = 50
  // As in the connector, before anything of Baileys.
  await import('../../src/whatsapp/bounded-inflate.ts')
  const { WebSocketClient } = await import('@whiskeysockets/baileys/lib/Socket/Client/websocket.js')
  const writers = new WeakMap<object, Failpoint>()
  const methodOf = (prototype: object) => Reflect.get(prototype, 'send') as (...given: unknown[]) => unknown
  const send = methodOf(WebSocketClient.prototype)
  Object.assign(WebSocketClient.prototype, {
    send(this: Client, ...given: [object, ...unknown[]]) {
      const writer = writerOf(new Error('who sends').stack ?? '')
      if (writer !== undefined) writers.set(given[0], writer)
      return Reflect.apply(send, this, given)
    },
  })
  // The frame may have waited for the disk in between.
  const write = methodOf(WebSocket.prototype)
  Object.assign(WebSocket.prototype, {
    send(this: WebSocket, ...given: [object, ...unknown[]]) {
      Reflect.apply(write, this, given)
      const writer = writers.get(given[0])
      if (writer !== undefined) reach(writer)
    },
  })
}

const config = readConfig()
const log = createLog({ level: config.logLevel, format: 'json', name: 'connector' })
const service = await startConnectorService(config, log, async (...given) =>
  decorated(await openData(...given)),
)
process.on('SIGTERM', () => {
  service.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
