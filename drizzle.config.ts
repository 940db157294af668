import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'sqlite',
  schema: [
    './src/store/sqlite/schema.ts',
    './src/store/sqlite/bulk-schema.ts',
    './src/store/sqlite/webhook-schema.ts',
    './src/store/sqlite/views.ts',
  ],
  out: './migrations/sqlite',
})
