import { rssMb } from '../bench/measure.ts'
import { eventually } from '../flows/processes.ts'
import { World } from '../flows/world.ts'
import { attacksOf, type HostileRelay, openHostileRelay } from './fuzz/hostile-relay.ts'
import { hostileStanzas } from './fuzz/stanzas.ts'
import type { Report, Run, Scenario } from './scenario.ts'
import { atLeast, atMost, exactly } from './scenario.ts'

const scales = {
  short: { victims: 2, stanzas: 60, heavy: 2, rounds: 1, attacks: 3 },
  full: { victims: 4, stanzas: 2_000, heavy: 20, rounds: 3, attacks: 100 },
}
const backMs = 120_000
/**
 * A connection that lasted is no failure: the next one comes soon. Devices that are cut at once come back after a minute
 * in the end, and 2,000 stanzas would take hours.
 */
const stableMs = 1_500
/** In the full run a link on which nothing makes sense any more is noticed sooner than by default. */
const keepAliveMs = { short: 30_000, full: 15_000 }
/**
 * What a burst has taken the process does not give back at once: a stanza of 8 MiB can be 320 MB when it is read, and up
 * to 500 MB more were seen. One frame that is inflated without a bound would be beyond it.
 */
const growthMaxMb = 1_024
const bystander = 'bystander'
const victimName = (at: number): string => `victim${at}`

/** Lines that say that something got past every handler. */
const escaped = (world: World): readonly string[] =>
  world.logLines
    .filter(({ msg }) => msg === 'unhandled rejection' || msg === 'uncaught exception')
    .map((line) => JSON.stringify(line['err'] ?? line).slice(0, 600))

/** Sends one hostile frame; a device that is away by then is waited for. */
const inject = async (world: World, number: string, device: string, more: object): Promise<void> => {
  await eventually(
    `${device} is there to be attacked`,
    async () => {
      const shown = await world.status(device)
      const sinceMs = Date.now() - Date.parse(shown.lastUpdate)
      if (shown.status !== 'connected' || sinceMs < stableMs)
        throw new Error(`${shown.status} for ${sinceMs} ms`)
      const { status, body } = await world.phone('POST', '/faults', { kind: 'raw', device: number, ...more })
      if (status >= 300) throw new Error(JSON.stringify(body))
      if (Number(body['affected']) > 0) return true
      throw new Error(JSON.stringify((await world.history(device)).at(-1)))
    },
    backMs,
  )
}

const attackWithin = async (world: World, { scale, seed, cycles }: Run): Promise<number> => {
  const { victims, stanzas, heavy } = scales[scale]
  const frames = hostileStanzas(seed, cycles ?? stanzas, heavy)
  await Promise.all(
    Array.from({ length: victims }, async (_, at) => {
      for (const [place, bytes] of frames.entries()) {
        if (place % victims !== at) continue
        await inject(world, `1555000${at}`, victimName(at), { base64: bytes.toString('base64') })
      }
      for (const as of ['message', 'text'] as const) {
        await inject(world, `1555000${at}`, victimName(at), {
          as,
          base64: Buffer.from(`garbage ${seed}`).toString('base64'),
        })
      }
    }),
  )
  return frames.length
}

const attackAround = async (relay: HostileRelay, run: Run): Promise<void> => {
  const { rounds, attacks, victims } = scales[run.scale]
  for (let round = 0; round < rounds; round++) {
    const all = attacksOf(run.random.fork(`round ${round}`)).toSorted(() => run.random.next() - 0.5)
    // One that leaves the connection as it is costs the time until the device notices.
    const chosen = all
      .slice(0, attacks)
      .map((attack) =>
        run.scale === 'short' && attack.ends === 'go on' ? { ...attack, ends: 'close' as const } : attack,
      )
    for (let at = 0; at < chosen.length; at += victims + 1) {
      relay.prepare(chosen.slice(at, at + victims + 1))
      relay.reset()
      await eventually('the attacks are carried out', () => relay.left === 0, backMs)
    }
    run.print(`round ${round + 1}: ${chosen.length} attacks on the way`)
  }
}

const isBack = async (world: World, device: string): Promise<boolean> => {
  try {
    await world.untilStatus(device, 'connected', backMs)
    const sent = await world.api('POST', `/api/devices/${device}/send`, {
      to: '15559999',
      message: `from ${device}`,
    })
    return sent.status === 200 || sent.status === 202
  } catch {
    return false
  }
}

/** A server, or somebody on the way to it, that sends what no WhatsApp would: one device's socket may go, and no more. */
export const fuzzServer: Scenario = {
  name: 'fuzz-server',
  title: 'garbage, bombs and lies from the server: before, within and after the handshake, and inside of it',
  async run(run): Promise<Report> {
    const { victims } = scales[run.scale]
    const world = await World.open()
    const config = (await world.phone('GET', '/config')).body as Record<string, string>
    const relay = await openHostileRelay(config['WHATSAPP_URL'] ?? '')
    try {
      await world.startGateway(['serve'], {
        WHATSAPP_URL: relay.url,
        WHATSAPP_KEEPALIVE_MS: String(keepAliveMs[run.scale]),
      })
      await world.createPhone('15559999')
      await world.link(bystander, '15558888')
      for (let at = 0; at < victims; at++) await world.link(victimName(at), `1555000${at}`)
      const pid = world.gateway.pidOf('connector') ?? 0
      run.print('linked')
      await attackWithin(world, { ...run, scale: 'short', cycles: 10 })
      run.print('warm')
      const before = await rssMb(pid)
      const bystanderBefore = (await world.history(bystander)).length

      const frames = await attackWithin(world, run)
      run.print(`${frames} hostile stanzas`)
      const unmoved = (await world.history(bystander)).length - bystanderBefore
      await attackAround(relay, run)

      let back = 0
      for (const device of [bystander, ...Array.from({ length: victims }, (_, at) => victimName(at))]) {
        if (await isBack(world, device)) back += 1
      }
      const after = await rssMb(world.gateway.pidOf('connector') ?? 0)
      for (const line of new Set(escaped(world))) run.print(line)
      return {
        checks: [
          exactly('process id of the connector', pid, world.gateway.pidOf('connector') ?? 0),
          exactly('errors that got past every handler', 0, escaped(world).length),
          exactly('changes of a device that was left alone, while others were attacked', 0, unmoved),
          exactly('devices that are connected and send again', victims + 1, back),
          atMost(
            'memory that the connector has more than after the warm-up',
            growthMaxMb,
            after - before,
            'MB',
          ),
          atLeast('attacks carried out on the way', 1, relay.done),
        ],
        facts: {
          'hostile stanzas': frames,
          'attacks on the way': relay.done,
          'connections that a stanza cost': world.logLines.filter(
            ({ msg }) => msg === 'a handler of the socket failed',
          ).length,
          'memory before, MB': Math.round(before),
          'memory after, MB': Math.round(after),
        },
      }
    } finally {
      await world.close()
      await relay.close()
    }
  },
}
