/** What the server says to a message: taken, or refused with a code. */
export interface Verdict {
  readonly t: number
  readonly error?: number
  /** Set when the message did not go to all devices that should have it. */
  readonly phash?: string
}
