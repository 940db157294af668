import type { WASocket } from '@whiskeysockets/baileys'
import { expect, test } from 'vitest'
import { createFrameGate } from '../../src/whatsapp/frame-gate.ts'
import { unsentMaxBytes } from '../../src/whatsapp/transport.ts'

type Sent = (error?: Error) => void

/** A gate before a WebSocket that notes what it is given, and says that it was sent when the test does. */
const open = () => {
  const passed: string[] = []
  const failures: string[] = []
  const socket = {
    send(frame: Uint8Array, sent?: Sent) {
      passed.push(Buffer.from(frame).toString())
      sent?.()
    },
  }
  const gate = createFrameGate((error) => failures.push(error.message))
  gate.guard({ socket } as unknown as WASocket['ws'])
  const sent: string[] = []
  const send = (text: string): void =>
    socket.send(Buffer.from(text), (error) => sent.push(error === undefined ? text : error.message))
  return { gate, passed, failures, sent, send }
}

test('while nothing is written frames pass at once', () => {
  const { passed, sent, send } = open()
  send('one')
  expect(passed).toEqual(['one'])
  expect(sent).toEqual(['one'])
})

test('a frame waits for the writes that had begun before it, and its sender does not', () => {
  const { gate, passed, sent, send } = open()
  const first = gate.begin()
  send('one')
  const second = gate.begin()
  send('two')
  expect(passed).toEqual([])
  expect(sent).toEqual(['one', 'two'])
  first()
  expect(passed).toEqual(['one'])
  second()
  expect(passed).toEqual(['one', 'two'])
  send('three')
  expect(passed).toEqual(['one', 'two', 'three'])
})

test('a frame that depends on nothing does not overtake one that waits', () => {
  const { gate, passed, send } = open()
  const first = gate.begin()
  send('one')
  send('two')
  expect(passed).toEqual([])
  first()
  expect(passed).toEqual(['one', 'two'])
})

test('a write that ends before an earlier one lets nothing pass', () => {
  const { gate, passed, send } = open()
  const first = gate.begin()
  const second = gate.begin()
  send('one')
  second()
  expect(passed).toEqual([])
  first()
  expect(passed).toEqual(['one'])
})

test('once closed it lets nothing pass, neither what waited nor what comes', () => {
  const { gate, passed, sent, send } = open()
  const write = gate.begin()
  send('one')
  gate.close()
  write()
  send('two')
  expect(passed).toEqual([])
  expect(sent).toEqual(['one', 'Connection Closed'])
})

test(`more than ${unsentMaxBytes} bytes may not wait`, () => {
  const { gate, failures, send } = open()
  gate.begin()
  send('x'.repeat(unsentMaxBytes))
  expect(failures).toEqual([])
  send('y')
  expect(failures).toEqual([`more than ${unsentMaxBytes} bytes wait for the disk`])
})
