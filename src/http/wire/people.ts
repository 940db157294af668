import { z } from '@hono/zod-openapi'
import type { Erasure } from '../../control/erase-person.ts'

const counts = (description: string, example: Record<string, number>) =>
  z.record(z.string(), z.int()).openapi({ description, example })

export const erasureSchema = z
  .strictObject({
    erased: counts('How many rows of each sort were erased, or lost what they said of the person', {
      messages: 12,
      events: 40,
      auditEntries: 3,
    }),
    left: counts(
      'Rows that still name the person: `keys` and `addresses` of a device that is running (stop it and ask again), and what is on its way at this moment',
      { keys: 2 },
    ),
  })
  .openapi('Erasure')

export const toErasure = ({ erased, left }: Erasure): z.output<typeof erasureSchema> => ({ erased, left })
