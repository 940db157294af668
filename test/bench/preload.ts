import { eventually } from '../flows/processes.ts'
import type { World } from '../flows/world.ts'
import { each } from './gateway.ts'

const writersAtOnce = 8
const storedLimitMs = 120_000

/** Inbound messages that all devices have stored. */
export const storedCount = (world: World): number =>
  world.query<{ n: number }>("select count(*) n from messages where direction = 'inbound'")[0]?.n ?? 0

export const untilStored = async (world: World, count: number): Promise<void> => {
  await eventually(`${count} messages stored`, () => storedCount(world) >= count, storedLimitMs)
}

/** Lets the contacts write so many messages to the accounts, in turns. */
export const write = (
  world: World,
  accounts: readonly string[],
  contacts: readonly string[],
  messages: number,
): Promise<void> =>
  each(
    Array.from({ length: messages }, (_, index) => index),
    writersAtOnce,
    async (index) => {
      const to = accounts[index % accounts.length]
      const from = contacts[Math.floor(index / accounts.length) % contacts.length]
      const { status } = await world.phone('POST', `/phones/${from}/messages`, {
        to,
        text: `message ${index}`,
      })
      if (status !== 201) throw new Error(`a phone could not write: ${status}`)
    },
  )
