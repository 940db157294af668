import { ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { answerUnreadable, createHttpServer } from '../http/malformed.ts'
import { eventsSocketPath } from '../http/routes/events.ts'
import { acceptUpgrades, asksForSocket, type Fetch } from '../http/upgrade.ts'
import { systemClock } from '../runtime/clock.ts'
import { newId } from '../runtime/ids.ts'
import { ListenError, type Service } from './service.ts'

/** Open requests have this long to end when the server stops. */
const closeMs = 3_000
const sweepMs = 20

/** Has the app answer at an address; with port 0 the system chooses one. Rejects with ListenError. */
export const listen = (
  fetch: Fetch,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Service & { readonly port: number }> =>
  new Promise((resolve, reject) => {
    const requestId = (): string => newId('req', systemClock.now())
    const answer = getRequestListener(
      (request, { outgoing }) => fetch(request, outgoing instanceof ServerResponse ? { outgoing } : {}),
      { hostname: host, errorHandler: (error) => answerUnreadable(error, requestId) },
    )
    const server = createHttpServer(
      (request, response) => void answer(request, response),
      requestId,
      asksForSocket(eventsSocketPath),
    )
    const upgrades = acceptUpgrades(server, fetch, requestId)

    const close = (): Promise<void> =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), closeMs)
        // A connection whose request is answered meanwhile would be kept for the next one.
        const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
        server.close(() => {
          clearTimeout(cut)
          clearInterval(sweep)
          resolve()
        })
      })

    server.listen(port, host, () => {
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        async stop() {
          await Promise.all([close(), upgrades.stop()])
        },
      })
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? `port ${port} on ${host} is in use: stop what uses it, or set PORT to another one`
          : `cannot listen on ${host}:${port}: ${error.message}`
      reject(new ListenError(why, { cause: error }))
    })
  })
