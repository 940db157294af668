/** What /openapi.json promises, held against what the app does: every route, every status, every shape. */
import { describe, expect, test } from 'vitest'
import { z } from '@hono/zod-openapi'
import { routes } from '../../src/http/routes.ts'
import { patient } from '../control/world.ts'
import { createApi, type Api } from './api.ts'
import { bulkCases } from './openapi-cases/bulks.ts'
import { deviceCases } from './openapi-cases/devices.ts'
import { eventCases } from './openapi-cases/events.ts'
import { fileCases } from './openapi-cases/files.ts'
import { auditCases } from './openapi-cases/audit.ts'
import { exportCases } from './openapi-cases/export.ts'
import { forwardCases } from './openapi-cases/forward.ts'
import { healthCases } from './openapi-cases/health.ts'
import { messageCases } from './openapi-cases/messages.ts'
import { uploadCases } from './openapi-cases/uploads.ts'
import { outboxCases } from './openapi-cases/outbox.ts'
import { searchCases } from './openapi-cases/search.ts'
import { operationCases } from './openapi-cases/operations.ts'
import { webhookCases } from './openapi-cases/webhooks.ts'

const cases = [
  ...deviceCases,
  ...messageCases,
  ...forwardCases,
  ...fileCases,
  ...uploadCases,
  ...exportCases,
  ...auditCases,
  ...searchCases,
  ...eventCases,
  ...operationCases,
  ...outboxCases,
  ...bulkCases,
  ...webhookCases,
  ...healthCases,
]

/** The schema that the document gives for an answer of this status and content type. */
const promised = (operation: string, status: number, type: string): z.ZodType | undefined => {
  const route = routes.find(({ doc }) => doc.operationId === operation)
  const answer = route?.doc.responses[status]
  const content = answer !== undefined && 'content' in answer ? answer.content : undefined
  const media = content?.[type] ?? content?.['*/*']
  const schema = media !== undefined && 'schema' in media ? media.schema : undefined
  return schema instanceof z.ZodType ? schema : undefined
}

test.each(cases)(
  '$operation answers $status in the shape that is promised',
  async ({ operation, status, ask }) => {
    const answer = await ask(await createApi({ waits: patient }))
    expect(answer.status).toBe(status)
    const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
    if (status === 304 || status === 101) return expect(answer.text).toBe('')
    const schema = promised(operation, status, type)
    expect(schema?.safeParse(answer.json ?? answer.text)).toMatchObject({ success: true })
  },
)

describe('/openapi.json', () => {
  interface Document {
    readonly openapi: string
    readonly info: { readonly version: string }
    readonly paths: Readonly<
      Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>
    >
  }
  const read = async (): Promise<{ api: Api; document: Document }> => {
    const api = await createApi()
    const { status, json: document } = await api.get('/openapi.json')
    expect(status).toBe(200)
    return { api, document: document as Document }
  }

  test('is OpenAPI 3.1 of this version', async () => {
    const { document } = await read()
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0-test' } })
  })

  test('has every route of the app, and no other', async () => {
    const { api, document } = await read()
    const real = api.app.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    const written = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(written.toSorted()).toEqual(real.toSorted())
  })

  test('names every operation once', () => {
    const names = routes.map(({ doc }) => doc.operationId)
    expect(new Set(names).size).toBe(names.length)
  })

  test('promises no status that no case above has seen, and hides none', async () => {
    const { document } = await read()
    const written = Object.values(document.paths)
      .flatMap((methods) => Object.values(methods))
      .flatMap(({ operationId, responses }) =>
        Object.keys(responses)
          .filter((status) => status !== 'default')
          .map((status) => `${operationId} ${status}`),
      )
    const seen = new Set(cases.map(({ operation, status }) => `${operation} ${status}`))
    expect(written.toSorted()).toEqual([...seen].toSorted())
  })

  test('says of every reference what it means', async () => {
    const { document } = await read()
    const components = (document as unknown as { components: { schemas: object } }).components.schemas
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)
    const names = new Set([...references].map(([, name]) => name))
    expect(names.size).toBeGreaterThan(5)
    for (const name of names) expect(components).toHaveProperty(name ?? '')
  })
})
