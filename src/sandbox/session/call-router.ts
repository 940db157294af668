import type { Context } from '../context.ts'
import { element } from '../protocol/node.ts'
import { type Account, devicesOf, jidOf } from '../state/account.ts'
import { deliver } from './deliver.ts'

/** A call between two people. */
export interface Call {
  readonly id: string
  readonly caller: Account
  readonly callee: Account
  readonly video: boolean
}

export type CallStep = 'offer' | 'accept' | 'reject' | 'timeout' | 'terminate'

/**
 * Tells the callee's devices of a step of a call (whatsmeow, call.go `handleCallEvent`). Who takes or refuses it is the
 * callee, on the phone; the caller, or the server in its name, does the rest.
 */
export const announceCall = (context: Context, { id, caller, callee, video }: Call, step: CallStep): void => {
  const by = step === 'accept' || step === 'reject' ? callee : caller
  const attrs = {
    'call-id': id,
    'call-creator': jidOf(caller, 0, 'lid'),
    ...(step === 'offer' ? { caller_pn: jidOf(caller) } : {}),
    ...(step === 'timeout' ? { reason: 'timeout' } : {}),
  }
  const media = [element('audio', { enc: 'opus', rate: '16000' })]
  const inside =
    step === 'offer'
      ? element('offer', attrs, video ? [...media, element('video', { enc: 'h264' })] : media)
      : element(step === 'timeout' ? 'terminate' : step, attrs)
  for (const device of devicesOf(callee)) {
    const stanza = { from: jidOf(by, 0, 'lid'), id: context.nextId(), t: String(context.nowSeconds()) }
    deliver(context, device, element('call', { ...stanza, notify: by.name }, [inside]))
  }
}
