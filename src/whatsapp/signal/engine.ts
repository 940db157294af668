interface Freeable {
  free(): void
}

/** Runs with engine objects and frees them: WebAssembly memory is not collected. */
export const freeing = async <T extends Freeable[], R>(
  objects: [...T],
  run: (...objects: T) => Promise<R>,
): Promise<R> => {
  try {
    return await run(...objects)
  } finally {
    for (const object of objects) object.free()
  }
}
