import type { Context as Request } from 'hono'
import type { z } from 'zod'
import type { Context } from '../context.ts'
import type { Phone } from '../phone/phone.ts'
import type { Phones } from '../phones.ts'

/** What the parts of the control API share. */
export interface ControlTools {
  readonly context: Context
  readonly phones: Phones
  /** Of the path's `number`, for what a person does on it. @throws SandboxError 404, or 409 when it is off */
  readonly livePhoneOf: (request: Request) => Phone
  /** Parses the body, and answers 422 when it is wrong. */
  readonly withBody: <T>(
    schema: z.ZodType<T>,
    handle: (request: Request, body: T) => Response | Promise<Response>,
  ) => (request: Request) => Promise<Response>
}
