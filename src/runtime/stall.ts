import { createReadStream } from 'node:fs'

/** Aborts `signal` when nothing has moved for so long. */
export interface StallWatch {
  readonly signal: AbortSignal
  moved(): void
  end(): void
}

export const watchStall = (ms: number): StallWatch => {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new Error(`nothing moved for ${ms} ms`)), ms)
  return {
    signal: controller.signal,
    moved: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  }
}

/** The bytes of a file, as fast as they are taken; each chunk that is taken is a sign of life. */
export async function* fileChunks(file: string, moved: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>) {
    moved()
    yield chunk
  }
}
