import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts'
import {
  closeCode,
  controlOf,
  createClient,
  linked,
  login,
  opened,
  qrImage,
  shownQr,
  until,
} from './client.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
})
afterAll(() => sandbox.close())

const scan = (number: string, qr: string) => controlOf(sandbox).post(`/phones/${number}/scan`, { qr })

describe('linking by QR', () => {
  test('a QR picture that was scanned links the companion and ends in 515', async () => {
    const control = controlOf(sandbox)
    await control.phone('15550001', 'Ana')
    const client = createClient(sandbox)
    client.connect()
    const picture = await qrImage(await shownQr(client))
    const answer = await control.post('/phones/15550001/scan', { status: 'connecting', qrCode: picture })
    expect(answer.status).toBe(200)
    expect(answer.body['jid']).toBe('15550001:1@s.whatsapp.net')
    expect(answer.body['platform']).toBe('chrome on Ubuntu')
    await until('515', () => closeCode(client) === 515)
    expect(client.creds.me?.id).toBe('15550001:1@s.whatsapp.net')
    await login(client)
    expect(client.creds.me?.lid).toMatch(/^\d+:1@lid$/)
    const [account] =
      await control.get<{ companions: { logins: number; connected: boolean }[] }[]>('/accounts')
    expect(account?.companions).toMatchObject([{ logins: 1, connected: true }])
    await client.close()
  })

  test('the QR of four parts that older clients show is accepted', async () => {
    await controlOf(sandbox).phone('15550002')
    const client = createClient(sandbox)
    client.connect()
    const text = await shownQr(client)
    const fourParts = text
      .slice(text.indexOf('#') + 1)
      .split(',')
      .slice(0, 4)
      .join(',')
    expect(await scan('15550002', fourParts)).toMatchObject({ status: 200 })
  })

  test('a QR links one device only', async () => {
    await controlOf(sandbox).phone('15550003')
    const client = createClient(sandbox)
    client.connect()
    const text = await shownQr(client)
    const answers = await Promise.all([scan('15550003', text), scan('15550003', text)])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]))
    expect(await scan('15550003', text)).toMatchObject({ status: 409 })
  })

  test('a QR whose client is gone has expired', async () => {
    await controlOf(sandbox).phone('15550004')
    const client = createClient(sandbox)
    client.connect()
    const text = await shownQr(client)
    await client.close()
    await until('the socket to go', async () => {
      const { status, body } = await scan('15550004', text)
      return status === 409 && body.error?.includes('expired')
    })
  })

  test('a QR with another secret makes the client refuse', async () => {
    await controlOf(sandbox).phone('15550005')
    const client = createClient(sandbox)
    client.connect()
    const fields = (await shownQr(client)).split(',')
    fields[3] = Buffer.alloc(32, 7).toString('base64')
    const answer = await scan('15550005', fields.join(','))
    expect(answer.status).toBe(409)
    expect(answer.body.error).toContain("couldn't link device")
  })

  test('a fifth companion is refused', async () => {
    await controlOf(sandbox).phone('15550006')
    const statuses: number[] = []
    for (let each = 0; each < 5; each++) {
      const client = createClient(sandbox)
      client.connect()
      statuses.push((await scan('15550006', await shownQr(client))).status)
      await client.close()
    }
    expect(statuses).toEqual([200, 200, 200, 200, 409])
  })

  test.each([
    ['text that is no QR of WhatsApp', 'https://example.org', 422, "this is not WhatsApp's linking QR"],
    ['a picture of another kind', 'data:image/jpeg;base64,AAAA', 422, 'PNG data URL'],
    ['a damaged picture', 'data:image/png;base64,AAAA', 422, 'no PNG image'],
    [
      'an unknown ref',
      ['ref', 1, 2, 3].map((n) => (n === 'ref' ? n : Buffer.alloc(32, n).toString('base64'))).join(','),
      409,
      'does not know this QR',
    ],
  ])('%s is answered with the reason', async (_name, qr, status, reason) => {
    await controlOf(sandbox).phone('15550007')
    const answer = await scan('15550007', qr)
    expect(answer.status).toBe(status)
    expect(answer.type).toContain('application/problem+json')
    expect(answer.body.error).toContain(reason)
  })
})

describe('linking by code', () => {
  test('the code that the device shows links it', async () => {
    const control = controlOf(sandbox)
    await control.phone('15550011')
    const client = createClient(sandbox)
    client.connect()
    await shownQr(client)
    const code = await client.socket.requestPairingCode('15550011')
    const typed = `${code.slice(0, 4).toLowerCase()}-${code.slice(4)}`
    const answer = await until('the server to know of the code', async () => {
      const tried = await control.post('/phones/15550011/enter-code', { code: typed })
      return tried.body.error?.includes('no device waits') ? undefined : tried
    })
    expect(answer).toMatchObject({ status: 200, body: { jid: '15550011:1@s.whatsapp.net' } })
    await until('515', () => closeCode(client) === 515)
    await login(client)
    await client.close()
  })

  test('a wrong code fails with a clear error, and the right one works afterwards', async () => {
    const control = controlOf(sandbox)
    await control.phone('15550012')
    const client = createClient(sandbox)
    client.connect()
    await shownQr(client)
    const code = await client.socket.requestPairingCode('15550012')
    const wrong = code.startsWith('A') ? `B${code.slice(1)}` : `A${code.slice(1)}`
    const enter = (typed: string) => control.post('/phones/15550012/enter-code', { code: typed })
    const answer = await until('an answer', async () => {
      const tried = await enter(wrong)
      return tried.body.error?.includes('no device waits') ? undefined : tried
    })
    expect(answer.status).toBe(422)
    expect(answer.body.error).toContain('wrong code')
    expect(await enter('ABC')).toMatchObject({
      status: 422,
      body: { error: 'a code has 8 letters or digits' },
    })
    expect(await enter(code)).toMatchObject({ status: 200 })
  })

  test('a code that nobody asked for is refused', async () => {
    await controlOf(sandbox).phone('15550013')
    const answer = await controlOf(sandbox).post('/phones/15550013/enter-code', { code: 'ABCD1234' })
    expect(answer.status).toBe(409)
    expect(answer.body.error).toContain('no device waits for a code')
  })
})

describe('login', () => {
  test('a companion logs in again with what it has', async () => {
    await controlOf(sandbox).phone('15550021')
    const client = await linked(sandbox, '15550021')
    await client.close()
    await login(client)
    const stats = await controlOf(sandbox).get<{ loginsByCompanion: Record<string, number> }>('/stats')
    expect(stats.loginsByCompanion['15550021:1@s.whatsapp.net']).toBe(2)
    await client.close()
  })

  test('a login that nobody linked is refused with 401', async () => {
    const client = createClient(sandbox)
    client.creds.me = { id: '15550099:1@s.whatsapp.net', name: '~' }
    client.connect()
    await until('401', () => closeCode(client) === 401)
  })

  test('a second login of a companion replaces the first', async () => {
    await controlOf(sandbox).phone('15550022')
    const first = await linked(sandbox, '15550022')
    const second = createClient(sandbox)
    Object.assign(second.creds, first.creds)
    second.connect()
    await opened(second)
    await until('the conflict', () => closeCode(first) === 440)
    await second.close()
  })

  test('a phone unlinks its companions, live and later', async () => {
    await controlOf(sandbox).phone('15550023')
    const client = await linked(sandbox, '15550023')
    const answer = await controlOf(sandbox).call('DELETE', '/phones/15550023/devices')
    expect(answer.body).toEqual({ unlinked: 1 })
    await until('401', () => closeCode(client) === 401)
    expect(client.updates.at(-1)?.lastDisconnect?.error?.message).toBe('Stream Errored (conflict)')
    client.updates.length = 0
    client.connect()
    await until('401', () => closeCode(client) === 401)
    expect(client.updates.at(-1)?.lastDisconnect?.error?.message).toBe('Connection Failure')
  })

  test('a companion unlinks itself, hears the result, and then 401', async () => {
    await controlOf(sandbox).phone('15550024')
    const client = await linked(sandbox, '15550024')
    const content = [
      { tag: 'remove-companion-device', attrs: { jid: client.creds.me?.id ?? '', reason: 'user_initiated' } },
    ]
    const attrs = { to: '@s.whatsapp.net', type: 'set', xmlns: 'md' }
    const answer = (await client.socket.query({ tag: 'iq', attrs, content })) as { attrs: { type: string } }
    expect(answer.attrs.type).toBe('result')
    await until('401', () => closeCode(client) === 401)
    const phone = await controlOf(sandbox).get<{ companions: unknown[] }>('/phones/15550024')
    expect(phone.companions).toEqual([])
  })
})

test('the same seed gives the same root key and LIDs, another seed others', async () => {
  const facts = async (seed: string): Promise<unknown> => {
    const own = await startSandbox({ port: 0, seed })
    const phone = await controlOf(own).phone('15550001')
    await own.close()
    return [own.noiseRootKey, phone.body['lid']]
  }
  expect(await facts('a')).toEqual(await facts('a'))
  expect(await facts('a')).not.toEqual(await facts('b'))
})

test('a host that is not loopback is refused', async () => {
  await expect(startSandbox({ port: 0, host: '0.0.0.0' })).rejects.toThrow('loopback')
})
