/** How a list is cut into pages; `cursor` is the `nextCursor` of the page before. */
export interface PageInput {
  readonly limit: number
  readonly cursor?: string
}

export const pageLimitMax = 200
export const pageLimitDefault = 50
