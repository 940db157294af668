import type { Hono } from 'hono'
import type { z } from 'zod'
import type { OwnerAct } from '../phone/owner-acts.ts'
import type { Chat } from '../state/groups.ts'
import type { ControlTools } from './route.ts'
import { chatChange, contactChange, historyPart, labelChange, labelUse } from './schemas.ts'

const actsOf = (chat: Chat, change: Omit<z.infer<typeof chatChange>, 'chat'>): OwnerAct[] => {
  const { archived, pinned, mutedSeconds, read } = change
  return [
    ...(archived === undefined ? [] : [{ kind: 'archive', chat, on: archived } as const]),
    ...(pinned === undefined ? [] : [{ kind: 'pin', chat, on: pinned } as const]),
    ...(mutedSeconds === undefined ? [] : [{ kind: 'mute', chat, seconds: mutedSeconds } as const]),
    ...(read === undefined ? [] : [{ kind: 'read', chat, on: read } as const]),
    ...(change.clear === undefined ? [] : [{ kind: 'clear', chat } as const]),
    ...(change.delete === undefined ? [] : [{ kind: 'delete', chat } as const]),
  ]
}

/** What the owner of a phone does on it that all devices of the account keep, and the history that it gives them. */
export const serveOwner = (
  app: Hono,
  { phones, livePhoneOf, withBody }: Pick<ControlTools, 'phones' | 'livePhoneOf' | 'withBody'>,
): void => {
  app.post(
    '/phones/:number/chats',
    withBody(chatChange, async (request, { chat, ...change }) => {
      const phone = livePhoneOf(request)
      for (const act of actsOf(phones.chat(chat), change)) await phone.act(act)
      return request.json({ chat, ...change })
    }),
  )
  app.post(
    '/phones/:number/contacts',
    withBody(contactChange, async (request, { number, name }) => {
      await livePhoneOf(request).act({ kind: 'contact', contact: phones.contact(number), name })
      return request.json({ number, name })
    }),
  )
  app.post(
    '/phones/:number/labels',
    withBody(labelChange, async (request, label) => {
      await livePhoneOf(request).act({ kind: 'label', ...label })
      return request.json(label)
    }),
  )
  app.post(
    '/phones/:number/labels/:label',
    withBody(labelUse, async (request, { chat, message, assigned }) => {
      const id = request.req.param('label') ?? ''
      await livePhoneOf(request).act({ kind: 'use-label', id, chat: phones.chat(chat), message, assigned })
      return request.json({ id, chat, assigned })
    }),
  )
  app.post(
    '/phones/:number/history',
    withBody(historyPart, async (request, part) =>
      request.json({ ...part, companions: await livePhoneOf(request).giveHistory(part) }),
    ),
  )
}
