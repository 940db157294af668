import { openStore } from '../../src/store/sqlite/open.ts'
import { describeStore } from './conformance.ts'
import { newFile } from './files.ts'

describeStore('SQLite in memory', async () => {
  const store = await openStore({ file: ':memory:' })
  return [store, store]
})

describeStore('SQLite on a file, two stores', async () => {
  const file = newFile()
  return [await openStore({ file }), await openStore({ file })]
})
