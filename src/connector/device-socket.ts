import type { Input } from '../domain/connection.ts'
import type { Lease } from '../domain/lease.ts'
import type { Turn, Turns } from '../runtime/turns.ts'
import {
  CorruptCredentialsError,
  type SocketListener,
  type WhatsApp,
  type WhatsAppSocket,
} from '../whatsapp/socket.ts'

export interface DeviceSocketOptions {
  readonly deviceId: string
  readonly lease: Lease
  /** Is the lease held, at this moment? */
  readonly mayWrite: () => boolean
  readonly whatsapp: WhatsApp
  /** Shared by all devices of the process: one turn is one socket on its way to be logged in, or to show a QR. */
  readonly logins: Turns
  /** Takes inputs that count for nothing once there is another attempt. */
  readonly tell: (input: Input, attempt: number) => void
  readonly listenerFor: (attempt: number) => SocketListener
}

/** The socket of one device: there is one at most, and what an earlier one says is told apart by its attempt. */
export interface DeviceSocket {
  /** Grows with every socket that is asked for or dropped. */
  readonly attempt: number
  readonly now: WhatsAppSocket | undefined
  /** Gets in line for a new one; `ahead` of those that nobody waits for. `admitted` tells that it is being made. */
  request(ahead: boolean): void
  /** Makes it, when the turn that was told is still this device's. */
  make(): Promise<void>
  /** It has logged in or shows a QR, or will never: the next device may try. */
  endTurn(): void
  drop(): void
  /** Runs an operation of the socket; its end is an input, unless the socket is another by then. */
  during<T>(
    operation: Promise<T> | undefined,
    ends: {
      readonly done?: (value: T) => Input | undefined
      readonly failed: (error: unknown) => Input | undefined
    },
  ): void
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const createDeviceSocket = (options: DeviceSocketOptions): DeviceSocket => {
  const { deviceId, lease, mayWrite, whatsapp, logins, tell, listenerFor } = options
  let attempt = 0
  let socket: WhatsAppSocket | undefined
  let turn: Turn | undefined

  const endTurn = (): void => {
    turn?.end()
    turn = undefined
  }
  return {
    get attempt() {
      return attempt
    },
    get now() {
      return socket
    },
    request(ahead) {
      endTurn()
      const own = ++attempt
      turn = logins.take(() => tell({ kind: 'admitted' }, own), { ahead })
    },
    async make() {
      const own = attempt
      try {
        const opened = await whatsapp.open({ deviceId, lease, mayWrite, listener: listenerFor(own) })
        if (own === attempt) socket = opened
        else opened.drop()
      } catch (error) {
        const detail = messageOf(error)
        const corrupt = error instanceof CorruptCredentialsError
        if (corrupt) tell({ kind: 'credentials_corrupt', detail }, own)
        else tell({ kind: 'closed', close: { origin: 'transport', code: null, message: detail } }, own)
      }
    },
    endTurn,
    drop() {
      attempt += 1
      socket?.drop()
      socket = undefined
      endTurn()
    },
    during(operation, ends) {
      if (operation === undefined) return
      const own = attempt
      const follow = async (): Promise<void> => {
        let input: Input | undefined
        try {
          // Not in the call below: an absent `done` would leave the operation without anybody who waits for it.
          const value = await operation
          input = ends.done?.(value)
        } catch (error) {
          input = ends.failed(error)
        }
        if (input !== undefined) tell(input, own)
      }
      void follow()
    },
  }
}
