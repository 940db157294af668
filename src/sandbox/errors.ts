/** A problem that the caller of the control API can do something about: an RFC 9457 title, a status and what to do. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError'
  readonly status: 400 | 404 | 409 | 413 | 422
  constructor(status: SandboxError['status'], message: string) {
    super(message)
    this.status = status
  }
}

/** What the phone shows when it could not link, with the reason. */
export const couldNotLink = (status: 409 | 422, reason: string): SandboxError =>
  new SandboxError(status, `couldn't link device: ${reason}`)
