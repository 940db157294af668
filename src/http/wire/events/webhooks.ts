/** Each type of event as a webhook of the OpenAPI document: what a receiver is sent, and what streams and polls give. */
import type { RouteConfig } from '@hono/zod-openapi'
import { type EventKind, eventKinds } from './all.ts'

const docOf = ({ type, meaning, version, notes, schema, example }: EventKind): RouteConfig => ({
  method: 'post',
  path: type,
  summary: meaning,
  description: [
    `Version ${version}.`,
    ...notes.map((note, index) => `Since version ${index + 2}: ${note}`),
  ].join(' '),
  tags: ['events'],
  request: { body: { required: true, content: { 'application/json': { schema, example } } } },
  responses: { '2XX': { description: 'The receiver has it' } },
})

export const eventWebhooks: readonly RouteConfig[] = eventKinds.map(docOf)
