/** A process that writes so many audit entries, one after the other: FILE NAME ENTRIES. */
import { openStore } from '../../src/store/sqlite/open.ts'

const [file = '', name = '', entries = ''] = process.argv.slice(2)
const self = { pn: '491700000000@s.whatsapp.net', lid: null }
const store = await openStore({ file })
for (let count = 0; count < Number(entries); count++) {
  const id = `${name}-${count}`
  await store.outbox.enqueue(
    {
      message: {
        id,
        deviceId: 'a',
        whatsappId: id,
        direction: 'outbound',
        chat: self,
        type: 'text',
        text: id,
        whatsappAt: null,
        content: null,
      },
    },
    () => ({ sender: self, senderName: null }),
    { actor: { kind: 'api' }, requestId: name },
    Date.now(),
  )
}
await store.close()
