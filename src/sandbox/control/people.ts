import type { Hono } from 'hono'
import { SandboxError } from '../errors.ts'
import { announceCall, type Call } from '../session/call-router.ts'
import { announceAbout, announcePicture, sendPresence } from '../session/profile-router.ts'
import type { ControlTools } from './route.ts'
import { callStep, newCall, presence, profile } from './schemas.ts'

/** Calls that are remembered; with more the oldest is forgotten. */
const callsMax = 1_000
const callIdBytes = 16

/** What people show of themselves, whether they are there, and whom they call. */
export const servePeople = (app: Hono, { context, phones, livePhoneOf, withBody }: ControlTools): void => {
  const calls = new Map<string, Call>()

  app.post(
    '/phones/:number/profile',
    withBody(profile, (request, { about, picture }) => {
      const { account } = livePhoneOf(request)
      if (about !== undefined) announceAbout(context, account, about)
      if (picture !== undefined) announcePicture(context, account, picture)
      return request.json({ about, picture })
    }),
  )
  app.post(
    '/phones/:number/presence',
    withBody(presence, (request, { to, ...shown }) => {
      sendPresence(livePhoneOf(request).account, phones.contact(to), shown)
      return request.json({ to, ...shown })
    }),
  )
  app.post(
    '/phones/:number/calls',
    withBody(newCall, (request, { to, video }) => {
      const { account } = livePhoneOf(request)
      const id = context.entropy.next('call', callIdBytes).toString('hex').toUpperCase()
      const call = { id, caller: account, callee: phones.contact(to), video }
      calls.set(id, call)
      const [oldest] = calls.keys()
      if (calls.size > callsMax && oldest !== undefined) calls.delete(oldest)
      announceCall(context, call, 'offer')
      return request.json({ id }, 201)
    }),
  )
  app.post(
    '/calls/:call',
    withBody(callStep, (request, { step }) => {
      const id = request.req.param('call') ?? ''
      const call = calls.get(id)
      if (call === undefined)
        throw new SandboxError(404, `there is no call ${id}, make it by POST /phones/NUMBER/calls`)
      announceCall(context, call, step)
      return request.json({ id, step })
    }),
  )
}
