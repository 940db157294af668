import type { BaileysEventEmitter, BaileysEventMap, BinaryNode, WASocket } from '@whiskeysockets/baileys'

/**
 * Makes every listener that Baileys has put on the socket safe: a throw or a rejection (one bad byte from the server
 * is enough) would end the process, and here it ends this socket alone.
 */
export const guardListeners = (sock: WASocket, onError: (error: unknown) => void): void => {
  for (const name of sock.ws.eventNames()) {
    const listeners = sock.ws.listeners(name)
    sock.ws.removeAllListeners(name)
    for (const listener of listeners) {
      sock.ws.on(name, (...args: unknown[]): unknown => {
        try {
          const result: unknown = Reflect.apply(listener, sock.ws, args)
          return result instanceof Promise ? result.catch(onError) : result
        } catch (error) {
          onError(error)
          return undefined
        }
      })
    }
  }
}

/** Takes the place of all listeners of an event. What it returns passes a node on to them, and returns what they do. */
const takeOver = (sock: WASocket, event: string): ((node: BinaryNode) => readonly unknown[]) => {
  const listeners = sock.ws.listeners(event)
  sock.ws.removeAllListeners(event)
  return (node) => listeners.map((listener): unknown => Reflect.apply(listener, sock.ws, [node]))
}

/**
 * Gives Baileys a message only when it is done with all before it that share one of `addressesOf`. By itself it takes
 * its lock after it has stored a new contact's two addresses (messages-recv.ts `handleMessage`): the contact's next
 * message, with nothing left to store, would pass there. Listeners must be guarded: a rejection would end the queue.
 */
export const takeTurns = (
  sock: WASocket,
  event: 'CB:message',
  addressesOf: (node: BinaryNode) => readonly string[],
): void => {
  const pass = takeOver(sock, event)
  const last = new Map<string, Promise<void>>()
  sock.ws.on(event, (node: BinaryNode) => {
    const addresses = addressesOf(node)
    const earlier = addresses.flatMap((address) => last.get(address) ?? [])
    const { promise: turn, resolve: end } = Promise.withResolvers<void>()
    const take = async (): Promise<void> => {
      if (earlier.length > 0) await Promise.all(earlier)
      await Promise.all(pass(node))
      for (const address of addresses) if (last.get(address) === turn) last.delete(address)
      end()
    }
    for (const address of addresses) last.set(address, turn)
    void take()
  })
}

/**
 * Baileys answers some stanzas at once and processes them later. This gives them to `write` first and to Baileys when
 * that has been done; what `write` returns undefined for goes on without a wait.
 */
export const holdBack = (
  sock: WASocket,
  event: 'CB:receipt' | 'CB:message' | 'CB:notification' | 'CB:ib,,dirty',
  write: (node: BinaryNode) => Promise<void> | undefined,
  onError: (error: unknown) => void,
): void => {
  const pass = takeOver(sock, event)
  sock.ws.on(event, (node: BinaryNode) => {
    const written = write(node)
    if (written === undefined) return pass(node)
    const hold = async (): Promise<void> => {
      await written
      pass(node)
    }
    hold().catch(onError)
  })
}

export type EventHandlers = { readonly [E in keyof BaileysEventMap]?: (data: BaileysEventMap[E]) => void }

/**
 * Gives events to `handlers` before Baileys' buffer has them. It merges those that it holds and loses them with the socket;
 * and of a chat that the first reading of the account's state names and the history does not, it never gives out any
 * (event-buffer.ts `chats.update`: the condition of the first update stays). Handlers must not throw.
 */
export const seeBeforeBuffer = (ev: Pick<BaileysEventEmitter, 'emit'>, handlers: EventHandlers): void => {
  const { emit } = ev
  ev.emit = (event, data) => {
    handlers[event]?.(data)
    return emit.call(ev, event, data)
  }
}
