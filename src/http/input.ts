import type { z } from 'zod'
import { GatewayError, type ErrorCode } from '../domain/errors.ts'
import { bodyBytesMax, readJson } from './body.ts'
import type { RequestContext } from './env.ts'

/** Names of members that nobody asked for are quoted in an answer up to this length. */
const quotedCharsMax = 64

const quoted = (name: string): string => {
  const shown = name.length > quotedCharsMax ? `${name.slice(0, quotedCharsMax)}…` : name
  return JSON.stringify(shown.toWellFormed())
}

/** What is wrong with the input, in words, and which members it may have. */
const describeIssues = (error: z.ZodError, allowed: readonly string[]): string => {
  const takes = allowed.length === 0 ? 'nothing' : allowed.join(', ')
  return error.issues
    .map((issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown: ${issue.keys.slice(0, 5).map(quoted).join(', ')} (known: ${takes})`
        : `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`,
    )
    .join('; ')
}

/** What a schema makes of a value that a request brought. */
export const check = <Schema extends z.ZodObject>(
  schema: Schema,
  input: unknown,
  code: ErrorCode,
): z.output<Schema> => {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new GatewayError(code, describeIssues(parsed.error, Object.keys(schema.shape)))
}

/** The body of a request that must have one. */
export const bodyOf = async <Schema extends z.ZodObject>(
  c: RequestContext,
  schema: Schema,
  bytesMax = bodyBytesMax,
): Promise<z.output<Schema>> => {
  const value = await readJson(c.req.raw, bytesMax)
  if (value === undefined) throw new GatewayError('invalid_json', 'the body is missing; it must be JSON')
  return check(schema, value, 'invalid_body')
}

/** The body of a request that may be left out: then it says what an empty object does. */
export const optionalBodyOf = async <Schema extends z.ZodObject>(
  c: RequestContext,
  schema: Schema,
): Promise<z.output<Schema>> => check(schema, (await readJson(c.req.raw)) ?? {}, 'invalid_body')

/** The body of a request that may have several forms, told apart by `type`. */
export const typedBodyOf = async (
  c: RequestContext,
  schemas: ReadonlyMap<string, z.ZodObject>,
  bytesMax: number,
  /** Types that one might expect, and why there are none such. */
  refusals: ReadonlyMap<string, string>,
): Promise<Record<string, unknown>> => {
  const value = await readJson(c.req.raw, bytesMax)
  if (value === undefined) throw new GatewayError('invalid_json', 'the body is missing; it must be JSON')
  return checkTyped(value, schemas, refusals)
}

/** What the schema of its `type` makes of a value. */
export const checkTyped = (
  value: unknown,
  schemas: ReadonlyMap<string, z.ZodObject>,
  refusals: ReadonlyMap<string, string>,
): Record<string, unknown> => {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : undefined
  const schema = typeof type === 'string' ? schemas.get(type) : undefined
  if (schema === undefined) {
    const detail = `type must be one of ${[...schemas.keys()].join(', ')}`
    const why = typeof type === 'string' ? refusals.get(type) : undefined
    if (why !== undefined) throw new GatewayError('invalid_body', why)
    throw new GatewayError('invalid_body', type === undefined ? `type is missing; ${detail}` : detail)
  }
  return check(schema, value, 'invalid_body')
}

/** For a request that says all in its path: it may have no body, or an empty object. */
export const noBodyOf = async (c: RequestContext, schema: z.ZodObject): Promise<void> => {
  const value = await readJson(c.req.raw)
  if (value !== undefined) check(schema, value, 'invalid_body')
}

/** The query of a request; of a parameter that is given twice the first counts. */
export const queryOf = <Schema extends z.ZodObject>(c: RequestContext, schema: Schema): z.output<Schema> =>
  check(schema, c.req.query(), 'invalid_query')

/** A parameter of the path that the route's pattern guarantees. */
export const pathParam = (c: RequestContext, name: string): string => c.req.param(name) ?? ''

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The members that have a value: a filter that is not given is none. */
export const defined = <T extends object>(members: T): Defined<T> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>
