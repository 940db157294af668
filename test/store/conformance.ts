import { describe } from 'vitest'
import { describeActs } from './conformance/acts.ts'
import { describeActsProperty } from './conformance/acts-property.ts'
import { describeAudit } from './conformance/audit.ts'
import { describeAuth } from './conformance/auth.ts'
import { describeBulksProperty } from './conformance/bulks-property.ts'
import { describeBulks } from './conformance/bulks.ts'
import { describeChats } from './conformance/chats.ts'
import { describeDecisions } from './conformance/decisions.ts'
import { describeDevices } from './conformance/devices.ts'
import type { OpenStores } from './conformance/fixtures.ts'
import { describeInbound } from './conformance/inbound.ts'
import { describeLeases } from './conformance/leases.ts'
import { describeLogs } from './conformance/logs.ts'
import { describeMedia } from './conformance/media.ts'
import { describeMessages } from './conformance/messages.ts'
import { describeOutboxProperty } from './conformance/outbox-property.ts'
import { describeOperations } from './conformance/operations.ts'
import { describePending } from './conformance/pending.ts'
import { describeReceipts } from './conformance/receipts.ts'
import { describeOutbox } from './conformance/outbox.ts'
import { describePacing } from './conformance/pacing.ts'
import { describeSchedule } from './conformance/schedule.ts'
import { describeSearch } from './conformance/search.ts'
import { describeWebhooksProperty } from './conformance/webhooks-property.ts'
import { describeWebhooks } from './conformance/webhooks.ts'

/** What any store must do, whatever database stands behind it. */
export const describeStore = (name: string, open: OpenStores): void => {
  describe(name, () => {
    describeDevices(open)
    describeMessages(open)
    describeMedia(open)
    describeOutbox(open)
    describeDecisions(open)
    describeOutboxProperty(open)
    describeOperations(open)
    describeSchedule(open)
    describePacing(open)
    describeBulks(open)
    describeBulksProperty(open)
    describeAuth(open)
    describeInbound(open)
    describeActs(open)
    describeActsProperty(open)
    describePending(open)
    describeReceipts(open)
    describeLeases(open)
    describeLogs(open)
    describeAudit(open)
    describeSearch(open)
    describeChats(open)
    describeWebhooks(open)
    describeWebhooksProperty(open)
  })
}
