import { Agent as HttpsAgent } from 'node:https'
import type { SocketConfig } from '@whiskeysockets/baileys'

/**
 * What makes Baileys trust media hosts whose certificates are signed by `mediaCa` (PEM). undici is loaded only for it: it
 * would be 10 MB of each connector.
 */
export const mediaTls = async (mediaCa: string | undefined): Promise<Partial<SocketConfig>> => {
  if (mediaCa === undefined) return {}
  const { Agent, Dispatcher1Wrapper } = await import('undici')
  return {
    fetchAgent: new HttpsAgent({ ca: mediaCa }),
    // Baileys hands `options` on to fetch, whose types do not know undici's dispatcher. The fetch that Node brings is of an
    // earlier undici, and speaks to this one through the wrapper.
    options: {
      dispatcher: new Dispatcher1Wrapper(new Agent({ connect: { ca: mediaCa } })),
    } as unknown as NonNullable<SocketConfig['options']>,
  }
}
