import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import { controlOf } from './client.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  await controlOf(sandbox).phone('15554001', 'Ana')
})
afterAll(() => sandbox.close())

test('a number may be written as people write it, and is one phone', async () => {
  const first = await controlOf(sandbox).phone('+55 (11) 98888-7777')
  expect(first).toMatchObject({ status: 201, body: { number: '5511988887777' } })
  const second = await controlOf(sandbox).phone('5511988887777', 'Named')
  expect(second).toMatchObject({ status: 200, body: { name: 'Named', lid: first.body['lid'] } })
})

describe('a bad request is answered with a problem that says what to do', () => {
  test.each([
    ['POST', '/phones', '{', 400, 'send a JSON body'],
    ['POST', '/phones', {}, 422, 'number'],
    ['POST', '/phones', { number: 'abc' }, 422, '5 to 15 digits'],
    ['POST', '/phones', { number: '15554001', nickname: 'A' }, 422, 'nickname'],
    ['GET', '/phones/19990000', undefined, 404, 'POST /phones'],
    ['POST', '/phones/19990000/messages', { to: '15554001', text: 'x' }, 404, 'there is no phone'],
    ['POST', '/phones/15554001/messages', { to: '19990000', text: 'x' }, 422, 'not on this network'],
    ['POST', '/phones/15554001/messages', { to: 'x@y@z', text: 'x' }, 422, 'not on this network'],
    ['POST', '/phones/15554001/messages', { to: '15554001', text: '' }, 422, 'text'],
    ['POST', '/phones/15554001/scan', {}, 422, 'qr or qrCode'],
    ['POST', '/phones/15554001/scan', { qr: null, status: 'connected' }, 422, 'qr or qrCode'],
    ['POST', '/phones/15554001/read', { chat: '12' }, 422, '5 to 15 digits'],
    ['POST', '/phones/15554001/enter-code', { code: 5 }, 422, 'code'],
    ['GET', '/phones/15554001/messages?limit=0', undefined, 422, 'limit'],
    ['POST', '/groups', { subject: '', owner: '15554001', members: [] }, 422, 'subject'],
    ['POST', '/groups', { subject: 'x', owner: '19990000', members: [] }, 422, 'not on this network'],
    ['POST', '/groups', { subject: 'x', owner: '15554001', members: ['19990000'] }, 422, 'not on this'],
    [
      'POST',
      '/groups',
      { subject: 'x', owner: '15554001', members: Array.from({ length: 1024 }, () => '15554001') },
      422,
      'members',
    ],
    ['GET', '/groups/120@g.us', undefined, 404, 'POST /groups'],
    ['POST', '/groups/120/members', { add: ['15554001'] }, 404, 'there is no group'],
    ['POST', '/groups/120/members', {}, 422, 'whom to add or to remove'],
    ['POST', '/phones/15554001/messages', { to: '120@g.us', text: 'x' }, 422, 'not on this network'],
    ['POST', '/groups/120', { subject: 'x' }, 404, 'there is no group'],
    ['POST', '/groups/120', { by: '15554001' }, 422, 'say what changes'],
    ['POST', '/phones/15554001/chats', { chat: '15554001' }, 422, 'what is done to the chat'],
    ['POST', '/phones/15554001/chats', { chat: '19990000', read: true }, 422, 'not on this network'],
    ['POST', '/phones/15554001/contacts', { number: '19990000', name: 'X' }, 422, 'not on this network'],
    ['POST', '/phones/15554001/contacts', { number: '15554001' }, 422, 'name'],
    ['POST', '/phones/15554001/labels', { id: '1', name: 'X', color: 20 }, 422, 'color'],
    ['POST', '/phones/15554001/labels/1', {}, 422, 'chat'],
    ['POST', '/phones/15554001/history', { kind: 'initial' }, 422, 'kind'],
    ['POST', '/phones/15554001/profile', {}, 422, 'say the new about'],
    ['POST', '/phones/15554001/presence', { to: '15554001', state: 'asleep' }, 422, 'state'],
    ['POST', '/phones/15554001/calls', { to: '19990000' }, 422, 'not on this network'],
    ['POST', '/phones/19990000/calls', { to: '15554001' }, 404, 'there is no phone'],
    ['POST', '/calls/ABC', { step: 'accept' }, 404, 'there is no call'],
    ['POST', '/calls/ABC', { step: 'ring' }, 422, 'step'],
    ['POST', '/faults', { kind: 'earthquake' }, 422, 'silent-handshake'],
    ['POST', '/faults', { kind: 'drop', size: 1 }, 422, 'Kinds: drop'],
    ['POST', '/faults', { kind: 'nack', count: 0, code: 479 }, 422, 'count'],
    ['POST', '/faults', { kind: 'drop', device: '19990000' }, 422, 'neither'],
    ['PUT', '/phones', {}, 404, 'there is no PUT /phones'],
  ])('%s %s %j', async (method, path, body, status, says) => {
    const answer = await controlOf(sandbox).call(method, path, body)
    expect(answer.status).toBe(status)
    expect(answer.type).toContain('application/problem+json')
    expect(answer.body).toMatchObject({ status, type: 'about:blank' })
    expect(answer.body.error).toContain(says)
    expect(answer.body.error).toBe(answer.body['detail'])
  })
})

test('a body that is too large is refused', async () => {
  const number = '1'.repeat(33 * 1024 * 1024)
  const { status, body } = await controlOf(sandbox).call('POST', '/phones', { number })
  expect(status).toBe(413)
  expect(body.error).toContain('larger than')
})

test('the configuration points a gateway at the sandbox', async () => {
  expect(await controlOf(sandbox).get('/config')).toEqual({
    WHATSAPP_URL: sandbox.url,
    WHATSAPP_NOISE_ROOT_KEY: sandbox.noiseRootKey,
    WHATSAPP_MEDIA_CA: expect.stringContaining('ca.pem'),
  })
})

test('the page and its two files come from the sandbox itself', async () => {
  for (const path of ['/', '/page/app.js', '/page/style.css']) {
    const response = await fetch(`${sandbox.controlUrl}${path}`)
    expect(response.status).toBe(200)
    expect(await response.text()).not.toMatch(/(?:src|href|import)\W+https?:/)
  }
})

test('a phone with a note to itself keeps it', async () => {
  const id = await controlOf(sandbox).send('15554001', '15554001', 'do not forget')
  const [message] = await controlOf(sandbox).messages('15554001')
  expect(message).toMatchObject({ id, text: 'do not forget', chat: '15554001@s.whatsapp.net' })
  const last = await controlOf(sandbox).send('15554001', '15554001', 'nor this')
  const newest = await controlOf(sandbox).get<{ id: string }[]>('/phones/15554001/messages?limit=1')
  expect(newest.map((each) => each.id)).toEqual([last])
})
