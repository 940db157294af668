import { existing, setPacing, type Device } from '../domain/device.ts'
import { pacingOf, type Pace, type PacingPreset, type PacingRules } from '../domain/pacing.ts'
import type { ControlContext } from './context.ts'
import { checkDeviceId } from './device-id.ts'
import { paceOf } from './message-plan.ts'

export interface ShownPacing extends Pace {
  readonly device: Device
}

/** How fast a device may send, and whether it may now. */
export const getPacing = async (ctx: ControlContext, input: { id: string }): Promise<ShownPacing> => {
  const id = checkDeviceId(input.id)
  const device = existing((await ctx.store.devices.get(id))?.device, id)
  return { device, ...(await paceOf(ctx, id)) }
}

/** Sets how fast a device may send. Throws `invalid_pacing`. */
export const putPacing = async (
  ctx: ControlContext,
  input: { id: string; preset: PacingPreset | 'off' | undefined; rules: Partial<PacingRules> },
): Promise<ShownPacing> => {
  const id = checkDeviceId(input.id)
  const pacing = pacingOf(input.preset, input.rules)
  await ctx.store.devices.decide(id, (before) => setPacing(before, id, pacing, ctx.origin, ctx.clock.now()))
  return getPacing(ctx, { id })
}
