import { StoreError } from '../store.ts'

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** Somebody else holds a lock that will be free soon. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error) ?? '')

export const isNoDatabase = (error: unknown): boolean => codeOf(error) === 'SQLITE_NOTADB'

const storeError = (code: string, cause: unknown): StoreError => {
  const options = { cause }
  if (isBusy(cause)) {
    return new StoreError('busy', 'the database is locked by another process; try again', options)
  }
  if (/^(SQLITE_FULL|SQLITE_IOERR_SHMSIZE|ENOSPC|EDQUOT)/.test(code)) {
    return new StoreError(
      'full',
      'the disk of the data folder is full, or the database has its largest size',
      options,
    )
  }
  if (/^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOTDIR|EISDIR|EEXIST|ENOENT)/.test(code)) {
    return new StoreError('read_only', 'the database or its folder cannot be written', options)
  }
  // A file that is open already does not turn read-only for SQLite: the write fails, like one on a broken disk.
  if (/^(SQLITE_IOERR|EIO$)/.test(code)) {
    return new StoreError(
      'io',
      `the disk of the data folder fails, or it is read-only now (${code})`,
      options,
    )
  }
  return new StoreError('failed', `the database failed with ${code}`, options)
}

/** What SQLite or the file system throws becomes a StoreError; any other error stays what it is. */
export const toStoreError = (error: unknown): unknown => {
  const code = codeOf(error)
  return code !== undefined && /^(SQLITE_|E[A-Z]+$)/.test(code) ? storeError(code, error) : error
}
