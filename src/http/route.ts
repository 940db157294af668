import type { RouteConfig, z } from '@hono/zod-openapi'
import type { ControlContext } from '../control/context.ts'
import type { Log } from '../runtime/log.ts'
import type { RequestContext } from './env.ts'
import { problemKinds, type ProblemCode } from './problem.ts'
import { problemSchema } from './wire/problem.ts'

/** One method of one path: what the OpenAPI document says of it, and what answers it. */
export interface Route {
  readonly doc: RouteConfig
  /** `log` is for what goes wrong after the answer has begun. */
  readonly handle: (c: RequestContext, ctx: ControlContext, log: Log) => Response | Promise<Response>
}

/** The problems that any route may answer with, whatever it is about. */
const anywhere: RouteConfig['responses'] = {
  default: {
    description:
      'Any other problem: 405, 500, 501 (a conversion needs ffmpeg), 503 (the database is busy or read-only, its disk fails, or too many files are converted), 507 (the disk is full)',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
}

/** The `responses` of a route for these problems, one entry for each HTTP status. */
export const problems = (...codes: readonly ProblemCode[]): RouteConfig['responses'] => {
  const titles = Map.groupBy(codes, (code) => problemKinds[code].status)
  const entries = [...titles].map(([status, same]) => [
    status,
    {
      description: same.map((code) => `${problemKinds[code].title} (\`${code}\`)`).join('; '),
      content: { 'application/problem+json': { schema: problemSchema } },
    },
  ])
  return { ...Object.fromEntries(entries), ...anywhere } as RouteConfig['responses']
}

/** An answer in JSON, for the `responses` of a route. */
export const jsonAnswer = (
  description: string,
  schema: z.ZodType,
): { description: string; content: { 'application/json': { schema: z.ZodType } } } => ({
  description,
  content: { 'application/json': { schema } },
})

/** A body in JSON, for the `request` of a route. */
export const jsonBody = (
  schema: z.ZodType,
  required = true,
): { required: boolean; content: { 'application/json': { schema: z.ZodType } } } => ({
  required,
  content: { 'application/json': { schema } },
})
