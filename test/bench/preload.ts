import { eventually } from '../flows/processes.ts'
import type { World } from '../flows/world.ts'
import { deviceOf, each } from './gateway.ts'

const writersAtOnce = 8
const storedLimitMs = 120_000

const storedCount = (world: World): number =>
  world.query<{ n: number }>("select count(*) n from messages where direction = 'inbound'")[0]?.n ?? 0

/**
 * Stops the devices, lets the contacts write to them, and gives the work to measure: start the devices and wait until
 * all is stored. So the phones' encryption is done before.
 */
export const preload = async (
  world: World,
  accounts: readonly string[],
  contacts: readonly string[],
  messages: number,
): Promise<() => Promise<void>> => {
  const write = async (count: number): Promise<void> => {
    await each(
      Array.from({ length: count }, (_, index) => index),
      writersAtOnce,
      async (index) => {
        const from = contacts[index % contacts.length]
        const to = accounts[Math.floor(index / contacts.length) % accounts.length]
        const { status } = await world.phone('POST', `/phones/${from}/messages`, {
          to,
          text: `message ${index}`,
        })
        if (status !== 201) throw new Error(`a phone could not write: ${status}`)
      },
    )
  }
  const untilStored = async (count: number): Promise<void> => {
    await eventually(`${count} messages stored`, () => storedCount(world) >= count, storedLimitMs)
  }
  const before = storedCount(world)
  const sessions = contacts.length * accounts.length
  await write(sessions)
  await untilStored(before + sessions)
  await each(accounts, writersAtOnce, async (number) => {
    await world.api('POST', `/api/devices/${deviceOf(number)}/stop`)
    await world.untilStatus(deviceOf(number), 'disconnected')
  })
  await write(messages)
  return async () => {
    await each(accounts, accounts.length, (number) =>
      world.api('POST', `/api/devices/${deviceOf(number)}/start`),
    )
    await untilStored(before + sessions + messages)
  }
}
