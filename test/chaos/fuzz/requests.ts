/** Requests that no client should send, for each operation that the OpenAPI document tells of. */
import * as fc from 'fast-check'

type Json = Readonly<Record<string, unknown>>

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
}

interface Described {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> }
  readonly responses: Json
}

/** As much of an OpenAPI 3.1 document as is needed here. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components?: { readonly schemas?: Readonly<Record<string, Json>> }
}

export interface Operation {
  readonly method: string
  readonly path: string
  readonly parameters: readonly Parameter[]
  readonly properties: Readonly<Record<string, Json>>
  readonly takesBody: boolean
  /** Statuses that it may answer with; the problems that any may are among them. */
  readonly declared: ReadonlySet<string>
}

export interface HostileRequest {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  readonly declared: ReadonlySet<string>
}

const methods: ReadonlySet<string> = new Set(['get', 'post', 'put', 'patch', 'delete'])
/** What `default` stands for in the document: the database is busy or read-only, or full. Never 500. */
const storeTrouble = ['503', '507']

export const operationsOf = ({ paths, components }: ApiDocument): readonly Operation[] => {
  const resolve = (schema: Json | undefined): Json => {
    const ref = schema?.['$ref']
    return typeof ref === 'string'
      ? (components?.schemas?.[ref.split('/').at(-1) ?? ''] ?? {})
      : (schema ?? {})
  }
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => methods.has(method))
      .map(([method, { parameters = [], requestBody, responses }]) => {
        const [content] = Object.values(requestBody?.content ?? {})
        return {
          method: method.toUpperCase(),
          path,
          parameters,
          properties: (resolve(content?.schema)['properties'] ?? {}) as Readonly<Record<string, Json>>,
          takesBody: requestBody !== undefined,
          declared: new Set([...Object.keys(responses), ...storeTrouble]),
        }
      }),
  )
}

const oddTexts = [
  '',
  ' ',
  '\0',
  '\ud800',
  '\u202e',
  '﷽',
  '\r\nX: y',
  '../../etc/passwd',
  '%00',
  '%',
  "' or 1=1 --",
  'null',
  '15559999',
  '+1 555 9999',
  '15559999@s.whatsapp.net',
  '1@lid',
  '1@g.us',
  '@',
  'x@y',
  '1'.repeat(40),
  'fuzz',
  '0',
  '-1',
  '1e400',
  '2025-01-01T00:00:00Z',
  '9999999999999999',
  'queued',
  'delivered',
  'inbound',
]
const text = fc.oneof(
  fc.constantFrom(...oddTexts),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.integer({ min: 1, max: 70_000 }).map((length) => 'é'.repeat(length)),
)
const nested = fc.integer({ min: 1, max: 20_000 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`)
const value = fc.oneof(text, fc.jsonValue({ maxDepth: 4 }), fc.double().map(String), fc.bigInt().map(String))

const asJson = (given: unknown): string => JSON.stringify(given) ?? 'null'

/** Bodies: nearly right, of any shape, with a key twice, deep, or no JSON at all. */
const bodyOf = ({ properties }: Operation): fc.Arbitrary<Buffer> => {
  const names = Object.keys(properties)
  const right = fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })
  const twice = fc
    .array(fc.tuple(fc.constantFrom(...names, '__proto__', 'constructor', 'x'), value), {
      minLength: 1,
      maxLength: 6,
    })
    .map((members) => `{${members.map(([name, member]) => `${asJson(name)}:${asJson(member)}`).join(',')}}`)
  const plausible = fc.record({ to: fc.constant('15559999'), message: text })
  return fc.oneof(
    {
      arbitrary: fc
        .oneof(right, plausible, fc.jsonValue({ maxDepth: 5 }))
        .map((given) => Buffer.from(asJson(given))),
      weight: 60,
    },
    { arbitrary: twice.map((given) => Buffer.from(given)), weight: 20 },
    { arbitrary: nested.map((given) => Buffer.from(given)), weight: 10 },
    { arbitrary: fc.uint8Array({ maxLength: 300 }).map((given) => Buffer.from(given)), weight: 10 },
    { arbitrary: fc.constant(Buffer.alloc(1_100_000, ' ')), weight: 1 },
  )
}

const headerText = fc.oneof(
  fc.constantFrom(
    '',
    'x',
    'a b',
    '"',
    'x'.repeat(256),
    'key-1',
    'respond-async',
    'wait=0',
    'respond-async, wait=99999999999',
  ),
  fc.string({ unit: fc.constantFrom(...' !"#aZ09,;=/\u00e9'.split('')), maxLength: 100 }),
)
const headers = fc.record(
  {
    'idempotency-key': headerText,
    prefer: headerText,
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'application/json;charset=utf-16',
      'text/plain',
      '',
      'multipart/form-data',
      'APPLICATION/JSON',
      'application/problem+json',
      'x',
      ';;;',
    ),
    accept: headerText,
    'accept-encoding': headerText,
    authorization: headerText,
    'x-forwarded-for': headerText,
    range: headerText,
    'if-none-match': headerText,
  },
  { requiredKeys: [] },
)

const requestOf = (operation: Operation): fc.Arbitrary<HostileRequest> => {
  const queryNames = operation.parameters.filter((each) => each.in === 'query').map(({ name }) => name)
  const query = fc.array(fc.tuple(fc.constantFrom(...queryNames, 'x', '__proto__'), text), { maxLength: 4 })
  const ids = fc.oneof({ arbitrary: fc.constant('fuzz'), weight: 2 }, { arbitrary: text, weight: 1 })
  return fc
    .record({
      ids: fc.array(ids, { minLength: 4, maxLength: 4 }),
      query,
      headers,
      body: fc.option(bodyOf(operation)),
    })
    .map((given) => {
      let place = 0
      const path = operation.path.replaceAll(/\{\w+\}/g, () =>
        encodeURIComponent((given.ids[place++] ?? '').slice(0, 2_000).toWellFormed()),
      )
      const search = new URLSearchParams(
        given.query.map(([name, one]): [string, string] => [name, one.slice(0, 2_000).toWellFormed()]),
      )
      const bodiless = operation.method === 'GET'
      return {
        method: operation.method,
        path: search.size === 0 ? path : `${path}?${search.toString()}`,
        headers: Object.fromEntries(Object.entries(given.headers)),
        body: bodiless || given.body === null ? undefined : given.body,
        declared: operation.declared,
      }
    })
}

/** So many for each operation, decided by the seed. A device that a request has stopped is started by another. */
export const hostileRequests = (
  operations: readonly Operation[],
  seed: number,
  perOperation: number,
): readonly HostileRequest[] => {
  const each = operations.map((operation, at) =>
    fc.sample(requestOf(operation), { numRuns: perOperation, seed: seed + at }),
  )
  return Array.from({ length: perOperation }, (_, at) =>
    each.flatMap((requests) => requests.slice(at, at + 1)),
  ).flat()
}
