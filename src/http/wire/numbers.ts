import { z } from '@hono/zod-openapi'
import { type CheckedNumber, checkedNumbersMax } from '../../domain/operation.ts'

export const checkNumbersBody = z
  .strictObject({
    numbers: z
      .array(z.string())
      .min(1)
      .max(checkedNumbersMax)
      .openapi({ description: 'With or without +, spaces and dashes', example: ['+49 151 23456789'] }),
  })
  .openapi('CheckNumbersRequest')

export const checkedNumbersSchema = z
  .strictObject({
    numbers: z.array(
      z.strictObject({
        number: z.string().openapi({ description: 'Digits, as it was asked for', example: '4915123456789' }),
        onWhatsApp: z.boolean(),
        jid: z.string().nullable().openapi({ description: 'The address to write to' }),
      }),
    ),
  })
  .openapi('CheckedNumbers')

export const toCheckedNumbers = (
  numbers: readonly CheckedNumber[],
): z.output<typeof checkedNumbersSchema> => ({
  numbers: numbers.map(({ number, jid }) => ({ number, onWhatsApp: jid !== null, jid })),
})
