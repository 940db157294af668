import { Hono, type Context as Request } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import { SandboxError } from '../errors.ts'
import { bodyOf } from '../phone/chat-log.ts'
import { linkByCode, linkByQr } from '../phone/linking.ts'
import type { Phone } from '../phone/phone.ts'
import type { Phones } from '../phones.ts'
import { unlinkCompanion } from '../session/companion.ts'
import type { Pairings } from '../session/pairings.ts'
import type { Sockets } from '../sockets.ts'
import { type Account, type Companion, jidOf } from '../state/account.ts'
import { causeFault } from './fault-command.ts'
import { serveGroups } from './groups.ts'
import { messageView } from './message-view.ts'
import { servePage } from './page.ts'
import { serveOwner } from './owner.ts'
import { servePeople } from './people.ts'
import { problem } from './problem.ts'
import {
  enterCode,
  fault,
  faultKinds,
  messagesQuery,
  newMessage,
  newPhone,
  parseBody,
  power,
  read,
  scan,
  typing,
} from './schemas.ts'

export interface ControlParts {
  readonly context: Context
  readonly phones: Phones
  readonly pairings: Pairings
  readonly sockets: Sockets
  /** Environment that points a gateway at this sandbox. */
  readonly config: () => Readonly<Record<string, string>>
}

/** A picture of a QR is some 10 KB, the largest text 64 KB; a file comes as base64. */
const bodyMaxBytes = 32 * 1024 * 1024
const loopbackHosts = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/

const companionView = (companion: Companion): object => ({
  jid: jidOf(companion.account, companion.device),
  lid: jidOf(companion.account, companion.device, 'lid'),
  platform: companion.platform,
  connected: companion.session !== undefined,
  linkedAt: companion.linkedAt,
  logins: companion.logins,
  waiting: companion.mailbox.size,
  preKeysLeft: companion.keys.count,
})

const accountView = (account: Account): object => ({
  number: account.number,
  name: account.name,
  jid: jidOf(account),
  lid: jidOf(account, 0, 'lid'),
  companions: [...account.companions.values()].map(companionView),
})

const jsonOf = async (request: Request): Promise<unknown> => {
  try {
    return await request.req.json<unknown>()
  } catch {
    throw new SandboxError(400, 'send a JSON body')
  }
}

/** The control API: phones and what people do with them, what the server saw, and faults. */
export const createControl = ({ context, phones, pairings, sockets, config }: ControlParts): Hono => {
  const app = new Hono()
  const frozenSockets = (): number => sockets.all.filter(({ connection }) => connection.isFrozen).length
  const phoneOf = (request: Request): Phone => phones.get(request.req.param('number') ?? '')
  /** For what a person does on it. */
  const livePhoneOf = (request: Request): Phone => {
    const phone = phoneOf(request)
    if (phone.isOn) return phone
    throw new SandboxError(
      409,
      `the phone is off, switch it on by POST /phones/${phone.account.number}/power`,
    )
  }

  // A page of another site must not reach the sandbox by a name that resolves to loopback.
  app.use(async (request, next) => {
    const host = request.req.header('host') ?? ''
    if (!loopbackHosts.test(host))
      return problem(request, 421, `the sandbox answers on loopback, not as ${host}`)
    return next()
  })
  app.use(
    bodyLimit({
      maxSize: bodyMaxBytes,
      onError: (request) => {
        // The rest of the body stays unread: the connection cannot be used again.
        request.header('connection', 'close')
        return problem(request, 413, `the body is larger than ${bodyMaxBytes} bytes`)
      },
    }),
  )
  app.onError((error, request) => {
    if (error instanceof SandboxError) return problem(request, error.status, error.message)
    if (error instanceof HTTPException) return problem(request, error.status, error.message)
    context.log('error', { reason: error.message, path: request.req.path }, 'control request failed')
    return problem(request, 500, 'the sandbox failed, its log says why')
  })
  app.notFound((request) => problem(request, 404, `there is no ${request.req.method} ${request.req.path}`))

  const withBody =
    <T>(
      schema: z.ZodType<T>,
      handle: (request: Request, body: T) => Response | Promise<Response>,
      hint?: string,
    ) =>
    async (request: Request): Promise<Response> =>
      handle(request, parseBody(schema, await jsonOf(request), hint))

  const viewOf = (account: Account): object => ({
    ...accountView(account),
    isOn: phones.of(account).isOn,
    awaitsCode: pairings.byNumber(account.number)?.isOpen === true,
  })
  const accounts = (request: Request): Response =>
    request.json(phones.all.map(({ account }) => viewOf(account)))

  app.get('/phones', accounts)
  app.get('/accounts', accounts)
  app.get('/phones/:number', (request) => request.json(viewOf(phoneOf(request).account)))
  app.post(
    '/phones',
    withBody(newPhone, (request, { number, name }) => {
      const { phone, isNew } = phones.ensure(number, name)
      return request.json(viewOf(phone.account), isNew ? 201 : 200)
    }),
  )

  app.post(
    '/phones/:number/scan',
    withBody(scan, async (request, qr) => {
      const { account } = livePhoneOf(request)
      return request.json(companionView(await linkByQr(context, pairings, account, qr)))
    }),
  )
  app.post(
    '/phones/:number/enter-code',
    withBody(enterCode, async (request, { code }) => {
      const { account } = livePhoneOf(request)
      return request.json(companionView(await linkByCode(context, pairings, account, code)))
    }),
  )
  app.post(
    '/phones/:number/power',
    withBody(power, (request, { on }) => {
      const phone = phoneOf(request)
      phone.switch(on)
      return request.json(viewOf(phone.account))
    }),
  )
  app.delete('/phones/:number/devices', (request) => {
    const companions = [...phoneOf(request).account.companions.values()]
    for (const companion of companions) unlinkCompanion(context, companion)
    return request.json({ unlinked: companions.length })
  })

  const tools = { context, phones, livePhoneOf, withBody }
  serveGroups(app, tools)
  serveOwner(app, tools)
  servePeople(app, tools)

  const messages = async (request: Request): Promise<Response> => {
    const phone = phoneOf(request)
    await phone.idle()
    const { limit } = parseBody(messagesQuery, request.req.query())
    return request.json(phone.log.messages.slice(-limit).map(messageView))
  }
  app.get('/phones/:number/messages', (request) => messages(request))
  app.post(
    '/phones/:number/messages',
    withBody(newMessage, async (request, body) => {
      const message = await livePhoneOf(request).write(body, phones.chat(body.to))
      return request.json({ id: message.id, ...(body.type === 'text' ? {} : { body: bodyOf(message) }) }, 201)
    }),
  )
  app.post(
    '/phones/:number/read',
    withBody(read, async (request, { chat, ids }) => {
      const phone = livePhoneOf(request)
      return request.json({ read: await phone.markRead(phones.chat(chat), ids) })
    }),
  )
  app.post(
    '/phones/:number/played',
    withBody(read, async (request, { chat, ids }) => {
      const phone = livePhoneOf(request)
      return request.json({ played: await phone.markPlayed(phones.chat(chat), ids) })
    }),
  )

  app.post(
    '/phones/:number/typing',
    withBody(typing, (request, { to, state }) => {
      livePhoneOf(request).sendChatstate(phones.chat(to), state)
      return request.json({ state })
    }),
  )
  const settled = async (request: Request, read: (phone: Phone) => object): Promise<Response> => {
    const phone = phoneOf(request)
    await phone.idle()
    return request.json(read(phone))
  }
  app.get('/phones/:number/typing', (request) => settled(request, ({ chatstates }) => chatstates))
  app.get('/phones/:number/app-state', (request) => settled(request, ({ appState }) => appState))

  const stats = async (request: Request): Promise<Response> => {
    await Promise.all(phones.all.map((phone) => phone.idle()))
    const live = sockets.all
    return request.json({
      ...context.counters,
      loginsByCompanion: Object.fromEntries(context.loginsByCompanion),
      unknownIqNames: Object.fromEntries(context.unknownIqs),
      liveSockets: live.length,
      pairingSockets: pairings.open.size,
      frozenSockets: frozenSockets(),
    })
  }
  app.get('/stats', (request) => stats(request))
  app.get('/config', (request) => request.json(config()))

  app.get('/faults', (request) =>
    request.json({ active: context.faults.active, frozenSockets: frozenSockets(), kinds: faultKinds }),
  )
  app.post(
    '/faults',
    withBody(
      fault,
      (request, command) =>
        request.json(
          { ...command, affected: causeFault({ context, phones, pairings, sockets }, command) },
          201,
        ),
      `. Kinds: ${faultKinds.join(', ')}`,
    ),
  )
  app.delete('/faults', (request) => {
    context.faults.clear()
    return request.json({ reset: sockets.resetFrozen() })
  })

  servePage(app)
  return app
}
