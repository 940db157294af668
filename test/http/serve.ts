/** The app behind a real server on a port of 127.0.0.1. */
import { onTestFinished } from 'vitest'
import { listen } from '../../src/commands/listen.ts'
import type { Api } from './api.ts'

export interface Served {
  readonly port: number
  readonly url: string
  readonly socketUrl: string
  /** As the process does when it stops. */
  readonly stop: () => Promise<void>
}

export const serveApi = async ({ app, ctx }: Pick<Api, 'app' | 'ctx'>): Promise<Served> => {
  const server = await listen((request, bindings) => app.fetch(request, bindings), {
    host: '127.0.0.1',
    port: 0,
  })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    ctx.feed.close()
    return (stopped ??= server.stop())
  }
  onTestFinished(stop)
  const { port } = server
  return { port, url: `http://127.0.0.1:${port}`, socketUrl: `ws://127.0.0.1:${port}`, stop }
}
