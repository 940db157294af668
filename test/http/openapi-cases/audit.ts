import { after, type Case, of, start } from './frame.ts'

export const auditCases: readonly Case[] = [
  of(
    'listAudit',
    200,
    after(start, (api) => api.get('/api/audit?action=device.*&limit=1')),
  ),
  of('listAudit', 400, (api) => api.get('/api/audit?targetId=myphone')),
  of(
    'exportAudit',
    200,
    after(start, async (api) => ({ ...(await api.get('/api/audit/export')), json: undefined })),
  ),
  of('exportAudit', 400, (api) => api.get('/api/audit/export?after=yesterday')),
]
