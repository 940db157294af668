import type { Config } from '../config.ts'
import { reasonText } from '../domain/disconnect.ts'
import { start } from '../domain/device.ts'
import { type DeviceView, shownStatus } from '../domain/shown-status.ts'
import { connectorSeat, isLive } from '../domain/lease.ts'
import { renderQr } from '../qr/render.ts'
import { readClock, systemClock } from '../runtime/clock.ts'
import { sleep } from '../runtime/deadline.ts'
import { newId } from '../runtime/ids.ts'
import type { Log } from '../runtime/log.ts'
import { openData } from './open-data.ts'
import { type Service, stopAll } from './service.ts'
import { supervise } from './supervise.ts'

const pollMs = 300
const clearScreen = '\u001b[2J\u001b[H'

export interface LinkCommand {
  readonly deviceId: string
  readonly print: (text: string) => void
  readonly stop: AbortSignal
}

/**
 * Links a device from the terminal: starts it, draws its QR and draws it anew when it changes, and ends when the device
 * is connected (true) or has given up (false). Works beside a running gateway and without one.
 */
export const linkDevice = async (
  config: Config,
  log: Log,
  { deviceId, print, stop }: LinkCommand,
): Promise<boolean> => {
  const store = await openData(config, log)
  const services: Service[] = [{ stop: () => store.close() }]
  try {
    const seat = await store.leases.get(connectorSeat)
    if (!isLive(seat ?? null, systemClock.monotonic())) {
      services.push(
        supervise({ args: ['connector'], env: { LOG_LEVEL: 'error' }, log, onUsageError: () => undefined }),
      )
    }
    const origin = { actor: { kind: 'cli' as const }, requestId: newId('cli', systemClock.now()) }
    await store.devices.decide(deviceId, (before) => start(before, deviceId, origin, systemClock.now()))
    return await follow(() => store.devices.get(deviceId), { deviceId, print, stop })
  } finally {
    await stopAll(services)
  }
}

const progress = (detail: string | null): string =>
  detail === null ? 'Connecting to WhatsApp...' : `Connecting to WhatsApp: ${detail}.`

const follow = async (
  read: () => Promise<DeviceView | undefined>,
  { deviceId, print, stop }: LinkCommand,
): Promise<boolean> => {
  let drawn = ''
  let told = ''
  while (!stop.aborted) {
    const view = await read()
    if (view === undefined || view.device.desired === 'removed') {
      print(`Device ${deviceId} was removed.\n`)
      return false
    }
    const { status, qr, reason } = shownStatus(view, readClock(systemClock))
    if (qr !== null && qr.text !== drawn) {
      const again = drawn === '' ? '' : 'QR code refreshed for security.\n'
      print(`${clearScreen}${await renderQr(qr.text, 'terminal')}\n${again}`)
      print('Scan it with WhatsApp on the phone: Settings, Linked Devices, Link a Device. Ctrl-C gives up.\n')
      drawn = qr.text
    }
    if (status === 'connected') {
      const phone = view.device.account?.pn.split('@')[0] ?? ''
      print(`Successfully connected to WhatsApp: ${deviceId} is linked to ${phone}.\n`)
      return true
    }
    if (status === 'disconnected') {
      print(`${deviceId} is disconnected: ${reason === null ? 'no reason is known' : reasonText[reason]}.\n`)
      return false
    }
    const line = status === 'starting' ? 'Initializing device...' : progress(view.device.detail)
    if (qr === null && line !== told) print(`${line}\n`)
    told = line
    await sleep(pollMs, stop)
  }
  return false
}
