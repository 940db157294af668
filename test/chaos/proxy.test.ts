import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../flows/processes.ts'
import { openProxy } from './proxy.ts'
import { seededRandom } from './random.ts'

interface End {
  readonly socket: Socket
  text: string
  fate: 'open' | 'ended' | 'reset'
}

const endOf = (socket: Socket): End => {
  const end: End = { socket, text: '', fate: 'open' }
  socket.on('data', (chunk: Buffer) => {
    end.text += chunk.toString('latin1')
  })
  socket.on('end', () => {
    end.fate = 'ended'
  })
  socket.on('error', () => {
    end.fate = 'reset'
  })
  return end
}

/** A client and a server with the proxy between them; both have said what opens a WebSocket. */
const openLine = async (seed = 1) => {
  const accepted: End[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(endOf(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const proxy = await openProxy(`ws://127.0.0.1:${port}/`, seededRandom(seed))
  const client = endOf(connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }))
  onTestFinished(async () => {
    client.socket.destroy()
    for (const { socket } of accepted) socket.destroy()
    await proxy.close()
    server.close()
  })
  const peer = await eventually('the connection', () => accepted[0])
  client.socket.write('up\r\n\r\n')
  peer.socket.write('down\r\n\r\n')
  await eventually('both greetings', () => client.text === 'down\r\n\r\n' && peer.text === 'up\r\n\r\n')
  client.text = ''
  peer.text = ''
  return { proxy, client, server: peer }
}

const frame = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x82, text.length]), Buffer.from(text, 'latin1')])
const shown = (text: string): string => frame(text).toString('latin1')

test('passes bytes both ways, and remembers when how many came in how many frames', async () => {
  const { proxy, client, server } = await openLine()
  client.socket.write(Buffer.concat([frame('one'), frame('two')]))
  server.socket.write(frame('three'))
  await eventually('the bytes', () => server.text === shown('one') + shown('two'))
  await eventually('the answer', () => client.text === shown('three'))
  const [connection] = proxy.connections
  const sum = (direction: 'up' | 'down', what: 'bytes' | 'frames') =>
    connection?.log[direction].reduce((total, passage) => total + passage[what], 0)
  expect([sum('up', 'frames'), sum('down', 'frames')]).toEqual([2, 1])
  expect([sum('up', 'bytes'), sum('down', 'bytes')]).toEqual([6 + 10, 8 + 7])
})

test('latency holds every byte back so long, jitter never changes the order, and both are the same with the seed', async () => {
  const { proxy, client, server } = await openLine()
  proxy.setLink({ latencyMs: 30, jitterMs: 40 })
  const at = performance.now()
  for (let index = 0; index < 10; index += 1) {
    client.socket.write(frame(String(index)))
    await new Promise((resolve) => {
      setTimeout(resolve, 2)
    })
  }
  await eventually('all', () => server.text.length === 30)
  expect(performance.now() - at).toBeGreaterThanOrEqual(29)
  expect(server.text).toBe(Array.from({ length: 10 }, (_, index) => shown(String(index))).join(''))
})

test('a slow drip passes a few bytes at a time', async () => {
  const { proxy, client, server } = await openLine()
  proxy.setLink({ bytesPerSecond: 100 })
  client.socket.write(frame('x'.repeat(40)))
  await eventually('the first bytes', () => server.text.length > 0)
  expect(server.text.length).toBeLessThan(42)
  await eventually('the rest', () => server.text === shown('x'.repeat(40)))
})

test.for(['up', 'down'] as const)(
  'a black hole %s swallows that way only, and tells no close',
  async (way) => {
    const { proxy, client, server } = await openLine()
    const [sender, receiver] = way === 'up' ? [client, server] : [server, client]
    proxy.setLink({ blocked: [way] })
    sender.socket.write(frame('lost?'))
    receiver.socket.write(frame('not lost'))
    await eventually('the other way', () => sender.text === shown('not lost'))
    sender.socket.resetAndDestroy()
    await eventually('the proxy to hear of it', () => proxy.connections[0]?.log[way].length === 2)
    expect([receiver.text, receiver.fate]).toEqual(['', 'open'])
    proxy.heal('deliver')
    await eventually('what was held', () => receiver.text === shown('lost?'))
    await eventually('the news', () => receiver.fate !== 'open')
  },
)

test('what a black hole holds can be lost with its connection', async () => {
  const { proxy, client, server } = await openLine()
  proxy.setLink({ blocked: ['up', 'down'] })
  client.socket.write(frame('lost'))
  await eventually('the proxy to have it', () => proxy.connections[0]?.log.up.length === 2)
  proxy.heal('reset')
  await eventually('the resets', () => client.fate === 'reset' && server.fate === 'reset')
  expect(server.text).toBe('')
  expect(proxy.open).toBe(0)
})

test('a reset reaches both sides', async () => {
  const { proxy, client, server } = await openLine()
  expect(proxy.reset()).toBe(1)
  await eventually('the resets', () => client.fate === 'reset' && server.fate === 'reset')
})

test.for(['gateway', 'whatsapp'] as const)('half open: only %s is told, until it is healed', async (told) => {
  const { proxy, client, server } = await openLine()
  const [knows, other] = told === 'gateway' ? [client, server] : [server, client]
  expect(proxy.halfOpen(told)).toBe(1)
  await eventually('one end', () => knows.fate !== 'open')
  other.socket.write(frame('anybody there?'))
  await eventually(
    'the proxy to have it',
    () => proxy.connections[0]?.log[told === 'gateway' ? 'down' : 'up'].length === 2,
  )
  expect(other.fate).toBe('open')
  proxy.heal('deliver')
  await eventually('the other end', () => other.fate === 'reset')
})

test.for(['up', 'down'] as const)(
  'a frame that is cut on its way %s ends in the middle, and both sides are closed',
  async (way) => {
    const { proxy, client, server } = await openLine(7)
    const [sender, receiver] = way === 'up' ? [client, server] : [server, client]
    sender.socket.write(frame('whole'))
    await eventually('the whole one', () => receiver.text === shown('whole'))
    proxy.truncate(way)
    sender.socket.write(Buffer.concat([frame('cut somewhere in here'), frame('never')]))
    await eventually('both ends', () => receiver.fate === 'ended' && sender.fate === 'reset')
    const rest = receiver.text.slice(shown('whole').length)
    expect(rest.length).toBeGreaterThan(0)
    expect(rest.length).toBeLessThan(shown('cut somewhere in here').length)
    expect(shown('cut somewhere in here').startsWith(rest)).toBe(true)
    expect(proxy.damaged).toBe(1)
  },
)

test.for(['up', 'down'] as const)('one byte of one frame is changed on its way %s', async (way) => {
  const { proxy, client, server } = await openLine(3)
  const [sender, receiver] = way === 'up' ? [client, server] : [server, client]
  proxy.corrupt(way)
  sender.socket.write(Buffer.concat([frame('changed'), frame('as it was')]))
  const wanted = shown('changed') + shown('as it was')
  await eventually('the bytes', () => receiver.text.length === wanted.length)
  const changed = wanted.split('').flatMap((char, at) => (receiver.text[at] === char ? [] : [at]))
  expect(changed).toHaveLength(1)
  expect(changed[0]).toBeLessThan(shown('changed').length)
  expect(proxy.damaged).toBe(1)
})
