import { OpenAPIHono } from '@hono/zod-openapi'
import { Hono } from 'hono'
import type { ControlContext } from '../control/context.ts'
import type { Origin } from '../domain/audit.ts'
import type { Log } from '../runtime/log.ts'
import { addressOf, pathOf, type AppEnv, type RequestContext } from './env.ts'
import { OutcomeProblem } from './problem.ts'
import { reply } from './reply.ts'
import { answering } from './request-log.ts'
import { routes } from './routes.ts'
import { eventWebhooks } from './wire/events/webhooks.ts'

export interface AppDeps {
  /** What the verbs are given; who asks is filled in for each request. */
  readonly control: Omit<ControlContext, 'origin'>
  readonly log: Log
  /** The gateway's version, for the OpenAPI document. */
  readonly version: string
}

const description =
  'A self-hosted WhatsApp gateway. Start a device, scan its QR code with a phone, send and receive messages. Errors are `application/problem+json` (RFC 9457).'

const openapiPath = '/openapi.json'

/** `/api/devices/{id}` as the router writes it. */
const routerPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1')

const originOf = (c: RequestContext): Origin => {
  const address = addressOf(c)
  return {
    actor: { kind: 'api' },
    requestId: c.get('requestId'),
    ...(address === undefined ? {} : { address }),
  }
}

/** The HTTP API as a plain fetch handler. It keeps no state of its own: what it answers is in the store. */
export const createApp = ({ control, log, version }: AppDeps): OpenAPIHono<AppEnv> => {
  const answer = answering(log, control.clock)
  const app = new OpenAPIHono<AppEnv>({ strict: false })
  // A second handler on a path, even for other methods only, would make each request pass through both.
  const otherMethods = new Hono<AppEnv>({ strict: false })

  const methods = new Map([[openapiPath, ['GET']]])
  for (const { doc, handle } of routes) {
    const method = doc.method.toUpperCase()
    methods.set(doc.path, [...(methods.get(doc.path) ?? []), method])
    app.openAPIRegistry.registerPath(doc)
    app.on(
      method,
      routerPath(doc.path),
      answer((c) => handle(c, { ...control, origin: originOf(c) }, log)),
    )
  }
  for (const doc of eventWebhooks) app.openAPIRegistry.registerWebhook(doc)
  const info = { title: 'WhatsApp API Gateway', version, description }
  let document: string | undefined
  app.get(
    openapiPath,
    answer((c) => {
      document ??= JSON.stringify(
        app.getOpenAPI31Document({ openapi: '3.1.0', info, servers: [{ url: '/' }] }),
      )
      return reply(c, document, 'application/json')
    }),
  )

  for (const [path, known] of methods) {
    const allowed = known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
    otherMethods.all(
      routerPath(path),
      answer((c) => {
        const detail = `${c.req.method} is not possible here; ${allowed} is`
        throw new OutcomeProblem('method_not_allowed', detail, { headers: { Allow: allowed } })
      }),
    )
  }
  otherMethods.notFound(
    answer((c) => {
      const detail = `there is no route ${c.req.method} ${pathOf(c)}; ${openapiPath} lists all that there are`
      throw new OutcomeProblem('route_not_found', detail)
    }),
  )
  app.notFound((c) => otherMethods.fetch(c.req.raw))
  return app
}
