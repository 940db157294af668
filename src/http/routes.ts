import type { Route } from './route.ts'
import { auditRoutes } from './routes/audit.ts'
import { bulkRoutes } from './routes/bulks.ts'
import { deliveryRoutes } from './routes/deliveries.ts'
import { deviceRoutes } from './routes/devices.ts'
import { fileRoutes } from './routes/files.ts'
import { eventRoutes } from './routes/events.ts'
import { exportRoutes } from './routes/export.ts'
import { forwardRoutes } from './routes/forward.ts'
import { groupRoutes } from './routes/groups.ts'
import { healthRoutes } from './routes/health.ts'
import { markRoutes } from './routes/marks.ts'
import { messageDetailRoutes } from './routes/message-detail.ts'
import { messageRoutes } from './routes/messages.ts'
import { numberRoutes } from './routes/numbers.ts'
import { operationRoutes } from './routes/operations.ts'
import { outboxRoutes } from './routes/outbox.ts'
import { pairingRoutes } from './routes/pairing.ts'
import { searchRoutes } from './routes/search.ts'
import { uploadRoutes } from './routes/uploads.ts'
import { webhookRoutes } from './routes/webhooks.ts'

/** All that the gateway answers, but for its own description at /openapi.json. */
export const routes: readonly Route[] = [
  ...deviceRoutes,
  ...pairingRoutes,
  ...messageRoutes,
  ...messageDetailRoutes,
  ...forwardRoutes,
  ...fileRoutes,
  ...outboxRoutes,
  ...bulkRoutes,
  ...searchRoutes,
  ...uploadRoutes,
  ...exportRoutes,
  ...eventRoutes,
  ...markRoutes,
  ...groupRoutes,
  ...numberRoutes,
  ...operationRoutes,
  ...webhookRoutes,
  ...deliveryRoutes,
  ...auditRoutes,
  ...healthRoutes,
]
