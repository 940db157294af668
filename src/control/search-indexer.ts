import { startLoop } from '../runtime/loop.ts'
import type { Store } from '../store/store.ts'

/** Rows of one transaction: some 3 ms, in which nobody else can write. */
export const indexBatchRows = 250
/** Between two batches, for those who wait to write. A million messages of before take some two minutes. */
const pauseMs = 25
/** New messages are in the index so soon when nobody searches. */
const pollMs = 2_000

/** Takes new messages into the index of the search, for as long as it is not stopped. Any number may run at a time. */
export const startIndexer = ({
  store,
  onError,
}: {
  readonly store: Pick<Store, 'search'>
  readonly onError: (error: unknown) => void
}): { readonly stop: () => Promise<void> } =>
  startLoop({
    tick: async () => ((await store.search.index(indexBatchRows)) ? pauseMs : undefined),
    pollMs,
    onError,
  })
