import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/runtime/clock.ts'
import type { Log } from '../../src/runtime/log.ts'
import { limitRepeats } from '../../src/runtime/quiet-log.ts'

const limits = { linesMax: 2, windowMs: 1_000 }

const create = () => {
  const lines: string[] = []
  let mono = 5_000
  const clock: Clock = { now: () => 0, monotonic: () => mono }
  const keep =
    (level: string, bound: object) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify({ ...bound, ...fields })}`)
    }
  const plain = (bound: object): Log => ({
    debug: keep('debug', bound),
    info: keep('info', bound),
    warn: keep('warn', bound),
    error: keep('error', bound),
    child: (fields) => plain({ ...bound, ...fields }),
  })
  return {
    log: limitRepeats(plain({}), clock, limits),
    lines,
    pass: (ms: number) => {
      mono += ms
    },
  }
}

describe('a log in which errors repeat', () => {
  it('has the first lines of each window, and the count of those that it lacks', () => {
    const { log, lines, pass } = create()
    for (let n = 1; n <= 5; n++) log.error({ n }, 'disk full')
    pass(limits.windowMs - 1)
    log.error({ n: 6 }, 'disk full')
    pass(1)
    log.error({ n: 7 }, 'disk full')
    log.error({ n: 8 }, 'disk full')
    expect(lines).toEqual([
      'error disk full {"n":1}',
      'error disk full {"n":2}',
      'error disk full {"n":7,"leftOut":4}',
      'error disk full {"n":8}',
    ])
  })

  it('does not lose a line of another message', () => {
    const { log, lines } = create()
    for (let n = 1; n <= 3; n++) log.error({ n }, 'disk full')
    log.error({}, 'lease lost')
    expect(lines.at(-1)).toBe('error lease lost {}')
  })

  it('counts the lines of all its parts together', () => {
    const { log, lines } = create()
    for (const device of ['a', 'b', 'c']) log.child({ device }).error({}, 'disk full')
    expect(lines).toEqual(['error disk full {"device":"a"}', 'error disk full {"device":"b"}'])
  })

  it('has all lines that are no errors', () => {
    const { log, lines } = create()
    for (let n = 0; n < 5; n++)
      for (const level of ['debug', 'info', 'warn'] as const) log[level]({}, 'again')
    expect(lines).toHaveLength(15)
  })
})
