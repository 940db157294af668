import { describe, expect, it } from 'vitest'
import {
  account,
  fromPath,
  fromSession,
  hour,
  keepAliveLost,
  limits,
  minute,
  replaced,
  restartRequired,
  second,
  t0,
  unlinkedOnPhone,
} from './fixtures.ts'
import { online, pairing, type World } from './world.ts'

/** The waits between the attempts of a world in which every one of `count` attempts fails. */
const waitsOf = (world: World, count: number): number[] => {
  const waits: number[] = []
  for (let left = count; left > 0; left--) {
    const failedAt = world.now
    world.close(fromPath(null, 'ECONNREFUSED'))
    while (world.phase === 'waiting') world.pass(250)
    waits.push(world.now - failedAt)
  }
  return waits
}

describe('a link that goes silent', () => {
  it('is asked for a sign of life after the time of silence', () => {
    const world = online()
    world.pass(limits.silenceMs - 250)
    expect(world.effects).toEqual([])
    world.pass(250)
    expect(world.effects).toEqual([{ kind: 'probe', timeoutMs: limits.probeTimeoutMs }])
    world.pass(second)
    expect(world.effects).toEqual([])
    expect(world.row.status).toBe('connected')
  })

  it('is dropped, and reported as reconnecting, when it does not answer', () => {
    const world = online()
    world.pass(limits.silenceMs + limits.probeTimeoutMs)
    world.feed({ kind: 'probe_failed' })
    expect(world.effectKinds()).toEqual(['drop_socket', 'observe'])
    expect(world.status).toBe('reconnecting/connection_lost')
    expect(world.now).toBeLessThanOrEqual(45 * second)
    world.pass(second)
    expect(world.phase).toBe('opening')
    world.login()
    expect(world.status).toBe('connected/opened')
  })

  it('stays connected when it answers, and is asked again after the next silence', () => {
    const world = online()
    world.pass(limits.silenceMs)
    world.pass(2 * second)
    world.feed({ kind: 'answered' })
    world.feed({ kind: 'probe_failed' })
    expect(world.status).toBe('connected/opened')
    world.pass(limits.silenceMs)
    expect(world.effectKinds()).toEqual(['probe'])
  })

  it('is not asked while answers come', () => {
    const world = online()
    for (let left = 60; left > 0; left--) {
      world.pass(second)
      expect(world.effects).toEqual([])
      world.feed({ kind: 'answered' })
    }
    expect(world.row.status).toBe('connected')
  })

  it('that takes messages in and brings none out is dropped', () => {
    const world = online()
    world.feed({ kind: 'deaf' })
    expect(world.status).toBe('reconnecting/connection_lost')
    expect(world.socketOpen).toBe(false)
  })
})

describe('a lost connection', () => {
  it('is tried again for ever, after waits that grow to a minute', () => {
    const waits = waitsOf(online(), 12)
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60].map((seconds) => seconds * second))
  })

  it('begins with short waits again after a session that has lasted, and not before', () => {
    const world = online()
    waitsOf(world, 3)
    world.login()
    expect(waitsOf(world, 1)).toEqual([8 * second])
    world.login()
    world.pass(limits.stableMs)
    expect(waitsOf(world, 1)).toEqual([second])
  })

  it('keeps the credentials, whatever the path to WhatsApp says', () => {
    const world = online()
    for (const code of [401, 403, 406, 408, 418, 428, 429, 500, 502, 503, null]) {
      world.close(fromPath(code, `WebSocket Error (${code})`))
      world.pass(minute)
    }
    world.close(keepAliveLost)
    expect(world.credentials).toBe('paired')
    expect(world.quarantined).toEqual([])
    expect(world.row.status).toBe('reconnecting')
  })

  it('counts an attempt that gets no answer as failed', () => {
    const world = online()
    world.close(keepAliveLost)
    world.pass(second)
    expect(world.phase).toBe('opening')
    world.pass(limits.openTimeoutMs)
    expect(world.status).toBe('reconnecting/connect_timeout')
    expect(world.phase).toBe('waiting')
  })

  it('counts the time of an attempt from its turn, however long it waited in line', () => {
    const world = online()
    world.crowded = true
    world.close(keepAliveLost)
    world.pass(second)
    expect(world.phase).toBe('queued')
    world.pass(3 * limits.openTimeoutMs)
    expect([world.phase, world.status]).toEqual(['queued', 'reconnecting/connection_lost'])
    world.clear()
    world.pass(limits.openTimeoutMs - second)
    expect(world.phase).toBe('opening')
    world.pass(second)
    expect(world.status).toBe('reconnecting/connect_timeout')
  })

  it('is reported as connecting until the device has been connected in this generation', () => {
    const world = online()
    world.restart()
    world.close(keepAliveLost)
    expect(world.status).toBe('connecting/connection_lost')
    world.pass(second)
    world.login()
    world.close(keepAliveLost)
    expect(world.status).toBe('reconnecting/connection_lost')
  })

  it('reconnects at once on a 515, but waits when one follows the other', () => {
    const world = online()
    for (let times = 0; times < limits.promptReconnectsMax; times += 1) {
      world.close(restartRequired)
      expect(world.phase).toBe('opening')
      world.login()
    }
    world.close(restartRequired)
    expect(world.phase).toBe('waiting')
  })

  it('reconnects at once on a 515', () => {
    const world = online()
    world.pass(second)
    world.close(restartRequired)
    expect(world.attempts.at(-1)).toBe(second)
    expect(world.status).toBe('reconnecting/restart_required')
  })
})

describe('credentials that are used elsewhere (440)', () => {
  it('get one slow try, and then nothing more until somebody acts', () => {
    const world = online()
    world.close(replaced)
    expect(world.status).toBe('reconnecting/replaced')
    world.pass(limits.replacedRetryMs - second)
    expect(world.phase).toBe('waiting')
    world.pass(second)
    world.login()
    world.close(replaced)
    expect(world.status).toBe('disconnected/replaced')
    world.pass(hour)
    expect(world.socketOpen).toBe(false)
    expect(world.credentials).toBe('paired')
  })

  it('are forgotten after a session that lasts', () => {
    const world = online()
    world.close(replaced)
    world.pass(limits.replacedRetryMs)
    world.login()
    for (let lasted = 0; lasted < limits.replacedForgetMs; lasted += 10 * second) {
      world.feed({ kind: 'answered' })
      world.pass(10 * second)
    }
    world.close(replaced)
    expect(world.status).toBe('reconnecting/replaced')
  })

  it('are remembered over a connection that is lost for another reason', () => {
    const world = online()
    world.close(replaced)
    world.pass(limits.replacedRetryMs)
    world.login()
    world.close(keepAliveLost)
    world.pass(second)
    world.login()
    world.close(replaced)
    expect(world.status).toBe('disconnected/replaced')
  })

  it('are tried anew when somebody restarts the device', () => {
    const world = online()
    world.close(replaced)
    world.pass(limits.replacedRetryMs)
    world.close(replaced)
    world.restart()
    expect(world.phase).toBe('opening')
    world.close(replaced)
    expect(world.row.status).not.toBe('disconnected')
  })
})

describe('a temporary ban (402)', () => {
  const banned = (): World => {
    const world = online()
    world.close(fromSession(402, 'Connection Failure', 3_600))
    return world
  }
  const attemptsUntil = (world: World, ms: number): number => {
    const before = world.attempts.length
    for (; world.now < ms; world.tick(Math.min(minute, ms - world.now)));
    return world.attempts.length - before
  }

  it('is waited for to its end, and then the device logs in', () => {
    const world = banned()
    expect(world.status).toBe('reconnecting/temporarily_banned')
    expect(world.row.notBefore).toBe(t0 + hour)
    expect(attemptsUntil(world, hour - second)).toBe(0)
    expect(attemptsUntil(world, hour)).toBe(1)
    world.login()
    expect(world.row).toMatchObject({ status: 'connected', notBefore: null })
  })

  it('is waited for by a connector that starts during it', () => {
    const world = banned()
    world.pass(minute)
    world.newConnector({ awayMs: 10 * minute })
    expect(world.status).toBe('reconnecting/temporarily_banned')
    expect(attemptsUntil(world, hour - second)).toBe(0)
    expect(attemptsUntil(world, hour)).toBe(1)
  })

  it.each([
    ['a start', (world: World) => world.start()],
    ['a restart', (world: World) => world.restart()],
    [
      'a stop and a start',
      (world: World) => {
        world.stop()
        world.start()
      },
    ],
    ['a removal', (world: World) => world.remove()],
  ])('is not cut short by %s', (_, act) => {
    const world = banned()
    world.pass(minute)
    act(world)
    expect(attemptsUntil(world, hour - second)).toBe(0)
    expect(attemptsUntil(world, hour)).toBe(1)
  })

  it('that comes in answer to the login for a removal is waited for as well', () => {
    const world = online()
    world.close(keepAliveLost)
    world.remove()
    world.close(fromSession(402, 'Connection Failure', 3_600))
    expect(attemptsUntil(world, hour - second)).toBe(0)
    expect(attemptsUntil(world, hour)).toBe(1)
    expect(world.status).toBe('disconnected/removed')
  })

  it('without an end in it is taken to last an hour', () => {
    const world = online()
    world.close(fromSession(402))
    expect(world.row.notBefore).toBe(t0 + hour)
  })
})

describe('an account that takes the link away', () => {
  it.each([
    [401, 'logged_out'],
    [403, 'account_locked'],
    [406, 'banned'],
  ] as const)(
    'by %i from inside the session leaves the device unlinked and its credentials aside',
    (code, reason) => {
      const world = online()
      world.close(fromSession(code))
      expect(world.status).toBe(`disconnected/${reason}`)
      expect(world.quarantined).toEqual([reason])
      expect(world.row).toMatchObject({ account: null, pairedAt: null, settledGeneration: 1 })
      expect(world.events).toContainEqual({ type: 'device.unlinked', deviceId: 'myphone', data: { reason } })
      world.pass(hour)
      expect(world.socketOpen).toBe(false)
    },
  )

  it('can be linked anew by a start', () => {
    const world = online()
    world.close(unlinkedOnPhone)
    world.start()
    world.qr()
    expect(world.status).toBe('waiting_for_scan/qr_shown')
    world.scan()
    expect(world.row.account).toEqual(account)
    expect(world.quarantined).toEqual(['logged_out'])
  })

  it.each([
    [403, 'account_locked'],
    [406, 'banned'],
  ] as const)('by %i before it is paired ends pairing, with nothing to set aside', (code, reason) => {
    const world = pairing()
    world.close(fromSession(code))
    expect(world.status).toBe(`disconnected/${reason}`)
    expect(world.quarantined).toEqual([])
  })
})
