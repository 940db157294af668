import { z } from 'zod'
import { SandboxError } from '../errors.ts'
import { writtenSchema } from '../phone/body.ts'
import { groupMembersMax } from '../state/groups.ts'

const nameMaxChars = 100
const idMaxChars = 200
const descriptionMaxChars = 2_048
const ephemeralMaxSeconds = 31_536_000
const aboutMaxChars = 139
const colorMax = 19
const countMax = 1_000_000
const delayMaxMs = 60_000
const restrictMaxSeconds = 31_536_000

const id = z.string().min(1).max(idMaxChars)
const count = z.number().int().min(1).max(countMax).default(1)
const device = { device: id.optional() }
const qrText = z.string().min(1)
const picture = z.enum(['changed', 'removed']).optional()
const httpError = z.number().int().min(400).max(599).default(503)

export const newPhone = z.strictObject({
  number: z.string().max(idMaxChars),
  name: z.string().trim().min(1).max(nameMaxChars).optional(),
})

/** Other members are welcome: a gateway's whole status answer can be piped in. */
export const scan = z
  .looseObject({ qr: qrText.nullish(), qrCode: qrText.nullish() })
  .transform(({ qr, qrCode }) => qr ?? qrCode)
  .refine((value) => value !== undefined && value !== null, 'send the QR as qr or qrCode')
  .transform(String)

export const enterCode = z.strictObject({ code: z.string().max(idMaxChars) })

/** A message of any kind; without a `type` it is a text. */
export const newMessage = z.preprocess(
  (body) =>
    typeof body === 'object' && body !== null && !('type' in body) ? { ...body, type: 'text' } : body,
  writtenSchema,
)

const people = z.array(id).max(groupMembersMax - 1)

/** `owner` and `members` are numbers or JIDs of phones; the owner is a member. */
export const newGroup = z.strictObject({
  subject: z.string().trim().min(1).max(nameMaxChars),
  owner: id,
  members: people,
  addressing: z.enum(['pn', 'lid']).default('lid'),
})

/** What has changed of a group. `by` did it, the owner unless it says otherwise. */
export const groupSettings = z
  .strictObject({
    subject: z.string().trim().min(1).max(nameMaxChars).optional(),
    description: z.string().trim().min(1).max(descriptionMaxChars).nullable().optional(),
    announce: z.boolean().optional(),
    locked: z.boolean().optional(),
    expiresInSeconds: z.number().int().min(0).max(ephemeralMaxSeconds).optional(),
    picture,
    by: id.optional(),
  })
  .refine(({ by: _by, ...settings }) => Object.keys(settings).length > 0, 'say what changes of the group')

export type GroupSettings = z.infer<typeof groupSettings>

/** Who comes and who goes, who becomes an admin and who is none any more. `by` did it, the owner unless it says otherwise. */
export const groupChange = z
  .strictObject({
    add: people.default([]),
    remove: people.default([]),
    promote: people.default([]),
    demote: people.default([]),
    by: id.optional(),
  })
  .refine(
    ({ add, remove, promote, demote }) => [...add, ...remove, ...promote, ...demote].length > 0,
    'say whom to add or to remove, to promote or to demote',
  )

/** Without a limit all messages are listed, with one the newest. */
export const messagesQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).default(Number.POSITIVE_INFINITY),
})

export const typing = z.strictObject({
  to: id,
  state: z.enum(['composing', 'recording', 'paused']).default('composing'),
})

/** What a person shows of themselves; contacts hear of it. */
export const profile = z
  .strictObject({ about: z.string().min(1).max(aboutMaxChars).optional(), picture })
  .refine((shown) => Object.keys(shown).length > 0, 'say the new about, or what became of the picture')

/** Whether a person is there, to those who watch them; here all companions of `to` do. */
export const presence = z.strictObject({
  to: id,
  state: z.enum(['available', 'unavailable']),
  /** Seconds since 1970; without it they hide it. */
  lastSeen: z.number().int().positive().optional(),
})

export const newCall = z.strictObject({ to: id, video: z.boolean().default(false) })

/** What becomes of a call: its callee takes or refuses it on the phone, nobody does in time, or it ends. */
export const callStep = z.strictObject({ step: z.enum(['accept', 'reject', 'timeout', 'terminate']) })

/** What the owner does to a chat on the phone, for all devices of the account. */
export const chatChange = z
  .strictObject({
    chat: id,
    archived: z.boolean().optional(),
    pinned: z.boolean().optional(),
    /** Null: not any more; 0: for good. */
    mutedSeconds: z.number().int().min(0).max(ephemeralMaxSeconds).nullable().optional(),
    read: z.boolean().optional(),
    clear: z.literal(true).optional(),
    delete: z.literal(true).optional(),
  })
  .refine((change) => Object.keys(change).length > 1, 'say what is done to the chat')

/** How the owner calls somebody. */
export const contactChange = z.strictObject({ number: id, name: z.string().min(1).max(nameMaxChars) })

export const labelChange = z.strictObject({
  id,
  name: z.string().min(1).max(nameMaxChars),
  color: z.number().int().min(0).max(colorMax).default(0),
  deleted: z.boolean().default(false),
})

/** A label on a chat, or on one of its messages (a WhatsApp id), or off it again. */
export const labelUse = z.strictObject({
  chat: id,
  message: id.optional(),
  assigned: z.boolean().default(true),
})

/** A part of the history that the phone gives its companions later. */
export const historyPart = z.strictObject({
  kind: z.enum(['recent', 'full', 'push_names']).default('recent'),
  progress: z.number().int().min(0).max(100).default(100),
})

export const power = z.strictObject({ on: z.boolean() })

/** The whole chat, or those of its messages (WhatsApp ids). */
export const read = z.strictObject({ chat: id, ids: z.array(id).optional() })

export const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('drop'), ...device }),
  z.strictObject({ kind: z.literal('freeze'), ...device }),
  z.strictObject({ kind: z.literal('stream-error'), ...device, code: z.number().int().min(400).max(599) }),
  z.strictObject({ kind: z.literal('replaced'), ...device }),
  z.strictObject({ kind: z.literal('logout'), ...device }),
  z.strictObject({
    kind: z.literal('reject-upgrade'),
    status: z.number().int().min(200).max(599).default(503),
    count,
  }),
  z.strictObject({
    kind: z.literal('reg-refresh'),
    form: z.enum(['companion_reg_refresh', 'pair-device-rotate-qr']).default('companion_reg_refresh'),
    qr: qrText.optional(),
    qrCode: qrText.optional(),
  }),
  z.strictObject({ kind: z.literal('passkey') }),
  z.strictObject({ kind: z.literal('lose-acks'), ...device, count }),
  z.strictObject({ kind: z.literal('duplicate'), ...device, count }),
  z.strictObject({
    kind: z.literal('nack'),
    ...device,
    /** Only messages to this number, JID or group. */
    to: id.optional(),
    code: z.number().int().min(400).max(599),
    count,
  }),
  /** The next messages to a companion cannot be decrypted; with `resend: false` they never come readable. */
  z.strictObject({ kind: z.literal('garble'), ...device, count, resend: z.boolean().default(true) }),
  /** The next messages come to a companion without content, as what opens once does. */
  z.strictObject({ kind: z.literal('unavailable'), ...device, count }),
  /** The account may write to nobody new for so many seconds (0: it may again), and its companions hear of it. */
  z.strictObject({
    kind: z.literal('restrict'),
    device: id,
    seconds: z.number().int().min(0).max(restrictMaxSeconds),
  }),
  /** Files that the media host has now (or the one at `path`, its direct path) are gone. */
  z.strictObject({
    kind: z.literal('media-expired'),
    path: z.string().optional(),
    status: z.literal([404, 410]).default(410),
  }),
  /** The next uploads, or downloads, are refused. */
  z.strictObject({ kind: z.literal('media-upload'), status: httpError, count }),
  z.strictObject({ kind: z.literal('media-download'), status: httpError, count }),
  /** The next downloads have a wrong bit. */
  z.strictObject({ kind: z.literal('media-corrupt'), count }),
  /** Downloads wait so long before each 16 KB. */
  z.strictObject({ kind: z.literal('media-slow'), ms: z.number().int().min(0).max(delayMaxMs) }),
  /** Passes for uploads that were given are refused with 401: a client must ask for a new one. */
  z.strictObject({ kind: z.literal('media-auth') }),
  z.strictObject({ kind: z.literal('delay'), ...device, ms: z.number().int().min(0).max(delayMaxMs) }),
  z.strictObject({ kind: z.literal('silent-handshake'), count }),
  /** Bytes of the caller's own: inside of Noise, where a stanza is expected; or a WebSocket message as they are. */
  z.strictObject({
    kind: z.literal('raw'),
    ...device,
    as: z.enum(['stanza', 'message', 'text']).default('stanza'),
    base64: z.base64(),
  }),
])

export type FaultCommand = z.infer<typeof fault>

export const faultKinds: readonly FaultCommand['kind'][] = fault.options.map(
  (option) => option.shape.kind.value,
)

const describe = (issue: z.core.$ZodIssue): string =>
  issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`

/** @throws SandboxError 422 that names each wrong member, and says `hint` */
export const parseBody = <T>(schema: z.ZodType<T>, body: unknown, hint = ''): T => {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new SandboxError(422, `${parsed.error.issues.map(describe).join('; ')}${hint}`)
}
