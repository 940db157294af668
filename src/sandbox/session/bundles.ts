import type { Context } from '../context.ts'
import type { KeyBundle } from '../protocol/key-bundle.ts'
import { preKeysLow } from '../protocol/stanzas.ts'
import type { Device } from '../state/account.ts'

/** Below this many one-time pre-keys the server asks the companion for more; Baileys uploads below 5. */
const preKeysLowBelow = 5

/** A device's bundle for a stranger, one-time key used up; undefined when the device is not linked (any more). */
export const takeBundle = (context: Context, device: Device): KeyBundle | undefined => {
  const companion = context.directory.companion(device)
  if (device.device !== 0 && companion === undefined) return undefined
  const bundle = companion === undefined ? context.phone(device.account).takeBundle() : companion.keys.take()
  if (bundle.preKey === undefined) context.counters.bundlesWithoutOneTimePreKey++
  else context.counters.oneTimePreKeysServed++
  const left = companion?.keys.count ?? preKeysLowBelow
  if (bundle.preKey !== undefined && left < preKeysLowBelow) {
    companion?.mailbox.put(preKeysLow(context.nextId(), left, context.nowSeconds()))
  }
  return bundle
}
