import { bodyBytesMax } from '../../../src/http/body.ts'
import type { Answer, Api } from '../api.ts'

/** A request that makes an operation answer with a status. */
export interface Case {
  readonly operation: string
  readonly status: number
  readonly ask: (api: Api) => Promise<Answer>
}

export const id = '/api/devices/myphone'
export const hello = { to: '1234567890', message: 'hi' }
const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

export const start = async (api: Api): Promise<void> => void (await api.post(`${id}/start`))

export const bodyCases = (
  operation: string,
  path: string,
  wrong: unknown,
  bytesMax = bodyBytesMax,
  method = 'POST',
): Case[] => [
  { operation, status: 400, ask: (api) => api.request(method, path, { headers: json, body: '{' }) },
  {
    operation,
    status: 413,
    ask: (api) => api.request(method, path, { headers: json, body: 'x'.repeat(bytesMax + 1) }),
  },
  { operation, status: 415, ask: (api) => api.request(method, path, { headers: form, body: 'a=b' }) },
  {
    operation,
    status: 422,
    ask: (api) => api.request(method, path, { headers: json, body: JSON.stringify(wrong) }),
  },
]

export const of = (operation: string, status: number, ask: Case['ask']): Case => ({ operation, status, ask })
export const after =
  (arrange: (api: Api) => Promise<unknown>, ask: Case['ask']): Case['ask'] =>
  async (api) => {
    await arrange(api)
    return await ask(api)
  }
