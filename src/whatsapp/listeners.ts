import type { BinaryNode, WASocket } from '@whiskeysockets/baileys'

/**
 * Makes every listener that Baileys has put on the socket safe: a throw or a rejection (one bad byte from the server
 * is enough) would end the process, and here it ends this socket alone.
 */
export const guardListeners = (sock: WASocket, onError: (error: unknown) => void): void => {
  for (const name of sock.ws.eventNames()) {
    const listeners = sock.ws.listeners(name)
    sock.ws.removeAllListeners(name)
    for (const listener of listeners) {
      sock.ws.on(name, (...args: unknown[]) => {
        try {
          const result: unknown = Reflect.apply(listener, sock.ws, args)
          if (result instanceof Promise) result.catch(onError)
        } catch (error) {
          onError(error)
        }
      })
    }
  }
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
  const listeners = sock.ws.listeners(event)
  sock.ws.removeAllListeners(event)
  const pass = (node: BinaryNode): void => {
    for (const listener of listeners) Reflect.apply(listener, sock.ws, [node])
  }
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
